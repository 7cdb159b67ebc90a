"""The stack of stacks/quickstart, in Python: the same resources under the same URNs."""

import coreweave_inference as cw

ZONE = "US-EAST-04A"

weights = cw.WeightsBucket("weights", bucket_name="acme-weights", zone=ZONE)
public = cw.Gateway("public", zones=[ZONE], auth=cw.CoreWeaveAuth(), routing=cw.BodyBasedRouting())
policy = cw.InferenceBucketPolicy(
    "weights-policy", bucket=weights, prefixes=["models"], owner_access="organization", after=[public]
)
h200 = cw.CapacityClaim(
    "h200",
    instance_id="gd-8xh200ib-i128",
    instance_count=1,
    capacity_type="CAPACITY_TYPE_SERVERLESS",
    zones=[ZONE],
)
chat = cw.Deployment(
    "chat",
    gateways=[public],
    weights=policy,
    capacity_claims=[h200],
    model=cw.Model(name="acme/chat", path="models/llama-3.1-8b"),
    runtime=cw.Runtime(
        engine="vllm",
        engine_config={
            "max-model-len": 16384,
            "enable-auto-tool-choice": "",
            "tool-call-parser": "llama3_json",
        },
    ),
    resources=cw.Resources(instance_type="gd-8xh200ib-i128", gpu_count=1),
    autoscaling=cw.Autoscaling(min=1, max=4, concurrency=32, capacity_classes=["CAPACITY_CLASS_RESERVED"]),
)
cw.Readiness("ready")
cw.export()
