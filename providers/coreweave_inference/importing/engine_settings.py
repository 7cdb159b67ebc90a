"""Which values of an engine's environment a file may show: switches, numbers, and well-known settings with their known values.

Everything else may be a secret, whatever it looks like.
"""

from __future__ import annotations

import re

LOOKS_SECRET = re.compile(
    r"TOKEN|SECRET|PASS|PWD|CREDENTIAL|AUTH|(^|_)(PIN|SAS|PAT)(_|$)|KEYS?(_|$)", re.IGNORECASE
)
SWITCH_OR_NUMBER = re.compile(r"|true|false|yes|no|on|off|-?[0-9]{1,9}(\.[0-9]{1,6})?", re.IGNORECASE)
LEVEL = "notset|trace|debug|info|warn|warning|error|critical|fatal"
PATHS_OF_NCCL = "LOC|NVL|PIX|PXB|PXN|PHB|SYS"
ATTENTION = (
    "FLASH_ATTN|FLASH_ATTN_MLA|FLASH_ATTN_VLLM_V1|FLASHINFER|FLASHINFER_MLA|FLASHINFER_VLLM_V1|FLASHMLA|FLASHMLA_VLLM_V1|"
    "CUTLASS_MLA|TRITON_ATTN|TRITON_ATTN_VLLM_V1|TRITON_MLA|TRITON_MLA_VLLM_V1|FLEX_ATTENTION|XFORMERS|TORCH_SDPA|"
    "ROCM_FLASH|ROCM_ATTN|ROCM_AITER_FA|ROCM_AITER_MLA|DUAL_CHUNK_FLASH_ATTN|BLOCK_SPARSE_FLASH_ATTN"
)


def _list(words: str) -> str:
    """One of the words, or several with commas between them."""
    return rf"\^?({words})(,({words}))*"


KNOWN = {
    name: re.compile(values, re.IGNORECASE)
    for name, values in {
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID|FASTEST_FIRST",
        "CUDA_MODULE_LOADING": "LAZY|EAGER|DEFAULT",
        "CUDA_VISIBLE_DEVICES": _list("[0-9]{1,2}"),
        "HF_HUB_VERBOSITY": LEVEL,
        "LANG": r"(C|POSIX|en_US)(\.UTF-?8)?",
        "LC_ALL": r"(C|POSIX|en_US)(\.UTF-?8)?",
        "LOGLEVEL": LEVEL,
        "LOG_LEVEL": LEVEL,
        "NCCL_ALGO": _list("Ring|Tree|CollnetDirect|CollnetChain|NVLS|NVLSTree|PAT"),
        "NCCL_DEBUG": "VERSION|WARN|INFO|ABORT|TRACE",
        "NCCL_DEBUG_SUBSYS": _list(
            "INIT|COLL|P2P|SHM|NET|GRAPH|TUNING|ENV|ALLOC|CALL|PROXY|NVLS|BOOTSTRAP|REG|PROFILE|RAS|ALL"
        ),
        "NCCL_NET": "IB|Socket|OFI",
        "NCCL_NET_GDR_LEVEL": PATHS_OF_NCCL,
        "NCCL_P2P_LEVEL": PATHS_OF_NCCL,
        "NCCL_PROTO": _list("LL|LL128|Simple"),
        "NCCL_SOCKET_FAMILY": "AF_INET6?",
        "NCCL_SOCKET_IFNAME": "=?" + _list("(lo|docker|eth|ens|ib|bond)[0-9]{0,3}"),
        "OMP_PROC_BIND": "close|spread|master|primary",
        "PYTORCH_CUDA_ALLOC_CONF": _list(
            "expandable_segments:(True|False)|(max_split_size_mb|roundup_power2_divisions):[0-9]{1,6}|"
            r"garbage_collection_threshold:[01]\.[0-9]{1,3}|backend:(native|cudaMallocAsync)"
        ),
        "TORCH_CPP_LOG_LEVEL": LEVEL,
        "TORCH_DISTRIBUTED_DEBUG": "OFF|INFO|DETAIL",
        "TRANSFORMERS_VERBOSITY": LEVEL,
        "TZ": "UTC",
        "VLLM_ALL2ALL_BACKEND": "naive|pplx|deepep_high_throughput|deepep_low_latency|allgather_reducescatter|flashinfer_all2allv",
        "VLLM_ATTENTION_BACKEND": ATTENTION,
        "VLLM_CPU_OMP_THREADS_BIND": "all|auto|nobind",
        "VLLM_FLASHINFER_MOE_BACKEND": "throughput|latency|masked_gemm",
        "VLLM_KV_CACHE_LAYOUT": "NHD|HND",
        "VLLM_LOGGING_LEVEL": LEVEL,
        "VLLM_TARGET_DEVICE": "cuda|rocm|cpu|tpu|xpu",
        "VLLM_WORKER_MULTIPROC_METHOD": "spawn|fork|forkserver",
    }.items()
}
"""Settings of vLLM, NCCL, CUDA, PyTorch and Hugging Face whose values are words, with those words."""


def is_secret(name: str, value: str) -> bool:
    """Whether the value of an environment variable of an engine may be a secret."""
    if LOOKS_SECRET.search(name):
        return True
    known = KNOWN.get(name)
    return not (SWITCH_OR_NUMBER.fullmatch(value) or (known and known.fullmatch(value)))
