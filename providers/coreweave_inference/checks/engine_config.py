"""Rules on what is handed to the engine: keys, values, and how they fit the model and the hardware."""

from __future__ import annotations

from collections.abc import Iterator

from coreweave_inference.fit import options_of
from coreweave_inference.model.paths import entry
from coreweave_inference.model.violations import nearest

from .finding import Problem, Severity
from .objects import Deployment
from .parsers import CONTRADICTIONS, PARSER_KEYS
from .rule import rule
from .view import View
from .vllm import CONFIG_PATH, FALSE, TRUE, switched_on, vllm_configs, with_hyphens

ENVIRONMENT_PATH = "runtime.engineEnv"
AUTO_TOOL_CHOICE = "enable-auto-tool-choice"
TOOL_PARSER = "tool-call-parser"
DOCUMENTED_KEYS = (
    "max-model-len",
    "reasoning-parser",
    AUTO_TOOL_CHOICE,
    TOOL_PARSER,
    "max-num-batched-tokens",
    "structured-outputs-config.backend",
)
"""The keys of vllm that the documentation explains; the service lists more."""
VALUES = {"structured-outputs-config.backend": ("guidance", "xgrammar")}
"""Values that the documentation limits."""
REFUSED = "what is not allowed is refused when the deployment is created or changed"
FLAGS = frozenset({AUTO_TOOL_CHOICE})
"""Documented as switched on by an empty value."""


@rule("engine-config-key", Severity.ERROR, "engineConfig has a key that the service does not allow")
def config_key(view: View) -> Iterator[Problem]:
    """Not in the allow-list; where that is not known, a misspelt form of a documented key."""
    for item in view.deployments:
        allowed = view.catalogue.config_keys.get(item.engine or "")
        for key in item.config or ():
            if key in (allowed or DOCUMENTED_KEYS):
                continue
            right = nearest(key, allowed or DOCUMENTED_KEYS)
            if allowed:
                do = f'did you mean "{right}"?' if right else f"allowed are {', '.join(sorted(allowed))}"
                what = f'the service does not allow the key "{key}" for {item.engine}'
                yield _on_key(item, key, what, REFUSED, do, _unless_unsent(view, item))
            elif (hyphens := with_hyphens(key)) != key or _same_letters(right, key):
                meant = right if _same_letters(right, key) else hyphens
                what = (
                    f'the key "{key}" is documented as "{meant}"'
                    if meant == right
                    else f'the key "{key}" has underscores'
                )
                yield _on_key(
                    item, key, what, "keys are spelt with hyphens", f'write "{meant}"', Severity.WARNING
                )


def _unless_unsent(view: View, item: Deployment) -> Severity | None:
    """A warning for a deployment that exists and does not change: nothing is sent that could be refused."""
    return Severity.WARNING if view.is_unchanged(item) else None


def _same_letters(one: str, other: str) -> bool:
    return bool(one) and one.replace("-", "").lower() == other.replace("-", "").replace("_", "").lower()


def _on_key(
    item: Deployment, key: str, what: str, why: str, do: str, severity: Severity | None = None
) -> Problem:
    return Problem(item.about, item.path(entry(CONFIG_PATH, key)), what, why, do, severity)


@rule("engine-env-name", Severity.ERROR, "engineEnv has a name that the service does not allow")
def environment_name(view: View) -> Iterator[Problem]:
    """Not in the allow-list of the engine."""
    for item in view.deployments:
        allowed = view.catalogue.environment_names.get(item.engine or "")
        for name in item.environment or () if allowed else ():
            if allowed and name not in allowed:
                right = nearest(name, allowed)
                yield Problem(
                    item.about,
                    item.path(entry(ENVIRONMENT_PATH, name)),
                    f'the service does not allow the variable "{name}" for {item.engine}',
                    REFUSED,
                    f'did you mean "{right}"?' if right else f"allowed are {', '.join(sorted(allowed))}",
                    _unless_unsent(view, item),
                )


@rule(
    "engine-config-value", Severity.WARNING, "engineConfig has a value that the documentation does not have"
)
def config_value(view: View) -> Iterator[Problem]:
    """Values beside those that the documentation lists; whether the service or the engine refuses them is not known."""
    for item, config in vllm_configs(view):
        for key, allowed in VALUES.items():
            value = config.get(key)
            if isinstance(value, str) and value and value not in allowed:
                right = nearest(value, allowed)
                yield _on_key(
                    item,
                    key,
                    f'"{value}" is not a value of {key}',
                    f"documented are {' and '.join(allowed)}",
                    f'did you mean "{right}"?' if right else f"write {allowed[0]} or {allowed[1]}",
                )


@rule("engine-flag", Severity.WARNING, "A flag of the engine has a value, or a setting has none")
def flag_value(view: View) -> Iterator[Problem]:
    """A flag is switched on by an empty value, so true and false are no values; every documented setting needs one."""
    for item, config in vllm_configs(view):
        refused = {fault.option for fault in options_of(config, item.environment).refused}
        for key, value in config.items():
            if not isinstance(value, str) or with_hyphens(key) in refused:
                continue  # `engine-does-not-start` says what vLLM takes.
            if _is_boolean(key, value):
                allowed = view.catalogue.config_keys.get(item.engine or "")
                what = f"{key} is {value.lower()}, and an option of vLLM that is on or off takes no value"
                why = "the documentation switches a flag on by an empty value"
                yield _on_key(item, key, what, why, _right_form(key, value.lower(), allowed))
            elif key in FLAGS and value:
                what, do = (
                    f'{key} is a flag and has the value "{value}"',
                    f'write {key}: "", or remove the key',
                )
                yield _on_key(item, key, what, "the documentation switches it on by an empty value", do)
            elif key in DOCUMENTED_KEYS and key not in FLAGS and not value.strip():
                why = "an empty value is how a flag is switched on, and this is no flag"
                yield _on_key(item, key, f"{key} has no value", why, "give it a value, or remove the key")


def _is_boolean(key: str, value: str) -> bool:
    """Whether a value is a boolean of YAML where none belongs: the members of a JSON option (`a.b`) do have such values."""
    return "." not in key and value.lower() in (*TRUE, *FALSE)


def _right_form(key: str, value: str, allowed: tuple[str, ...] | None) -> str:
    """`enforce-eager: ""` for true, `no-enable-prefix-caching: ""` for false, where the service allows that."""
    if key in DOCUMENTED_KEYS and key not in FLAGS:
        return "give it a value, or remove the key"
    if value in TRUE:
        return f'write {key}: ""'
    opposite = key.removeprefix("no-") if key.startswith("no-") else f"no-{key}"
    if key in FLAGS or (allowed and opposite not in allowed):
        return "remove the key"
    return f'write {opposite}: "", or remove the key to keep the engine\'s default'


@rule("engine-tool-parser", Severity.ERROR, "Automatic tool choice without a parser")
def tool_parser(view: View) -> Iterator[Problem]:
    """The one without the other, with which vLLM refuses to start."""
    for item, config in vllm_configs(view):
        if switched_on(config.get(AUTO_TOOL_CHOICE)) and TOOL_PARSER not in map(with_hyphens, config):
            yield _on_key(
                item,
                AUTO_TOOL_CHOICE,
                f"{AUTO_TOOL_CHOICE} is on and {TOOL_PARSER} is not given",
                "vLLM does not start without a parser that turns the model's text into tool calls",
                f"add {TOOL_PARSER}, such as llama3_json, as the model needs it",
            )


@rule("engine-parser-family", Severity.WARNING, "A parser is made for another family of models")
def parser_family(view: View) -> Iterator[Problem]:
    """The parser against `model_type` in the model's config.json; a pair that is not known to contradict says nothing."""
    for item, config in vllm_configs(view):
        folder = view.folder(item)
        family = folder.config.get("model_type") if folder and folder.config else None
        for key in PARSER_KEYS:
            parser = config.get(key)
            others = CONTRADICTIONS.get(parser, ()) if isinstance(parser, str) else ()
            if isinstance(family, str) and family in others:
                yield _on_key(
                    item,
                    key,
                    f'{key} is "{parser}", and config.json under "{item.model_path}" says model_type "{family}"',
                    "vLLM's documentation names other parsers for models of that type",
                    "choose a parser that it names for the model",
                )
