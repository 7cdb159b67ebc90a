"""What a client knows to be secret is in no text of the service that it hands on."""

from __future__ import annotations

from coreweave_inference.api.objects import object_in
from coreweave_inference.api.secrets import KnownSecrets
from coreweave_inference.model import Kind
from coreweave_inference.settings.secret import Secret

VALUE = "hf_0123456789"


def _answer(message: str, **spec: object) -> object:
    return object_in(
        Kind.DEPLOYMENT,
        {"spec": {"id": "1", **spec}, "status": {"conditions": [{"type": "Ready", "message": message}]}},
    )


def test_a_condition_that_repeats_a_value_of_the_environment_or_the_token_does_not_show_it() -> None:
    known = KnownSecrets(Secret("CW-SECRET-x"))
    answer = _answer(f"cannot use {VALUE} of CW-SECRET-x", runtime={"engineEnv": {"HF_TOKEN": VALUE}})

    (found,) = known.hidden_in([answer])

    assert found.conditions[0].message == "cannot use *** of ***"
    assert found.spec["runtime"]["engineEnv"]["HF_TOKEN"] == VALUE


def test_what_was_sent_is_hidden_later_also_where_the_service_never_returns_it() -> None:
    known = KnownSecrets(Secret("t"))
    known.add({"weightsAndBiasesAuth": {"apiKey": "wandb-key"}})

    assert known.hidden_in(_answer("wandb-key is wrong")).conditions[0].message == "*** is wrong"


def test_an_ordinary_word_in_an_environment_of_others_stays_readable() -> None:
    found = KnownSecrets(Secret("t")).hidden_in(
        _answer("INFO: loading", runtime={"engineEnv": {"LEVEL": "INFO"}})
    )

    assert found.conditions[0].message == "INFO: loading"
