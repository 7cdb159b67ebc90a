"""Bucket policies of other people, as hypothesis draws them."""

from __future__ import annotations

from hypothesis import strategies as st

BUCKET = "acme-weights"
ARN = f"arn:aws:s3:::{BUCKET}"
INFERENCE = "arn:aws:iam::cw4637:coreweave/uvAGGQSxxXeeQBJzcGsD9"
ALICE = "arn:aws:iam::ab1cd2:coreweave/alice"
ORGANIZATION = "ab1cd2"

principals = st.sampled_from([INFERENCE, ALICE, "arn:aws:iam::zz9zz9:coreweave/mallory"])
organizations = st.sampled_from([ORGANIZATION, "cw4637", "zz9zz9", ""])
actions = st.sampled_from(["s3:GetObject", "s3:ListBucket", "s3:PutObject", "s3:DeleteBucket"])
resources = st.sampled_from(
    [ARN, f"{ARN}/models/a/config.json", f"{ARN}/private/x", "arn:aws:s3:::other/models/a"]
)


def one_or_more(values):
    return values | st.lists(values, min_size=1, max_size=3)


_principal_elements = st.sampled_from(["*", {"AWS": "*"}, {"CW": "*"}]) | st.dictionaries(
    st.sampled_from(["CW", "AWS"]), one_or_more(principals), min_size=1
)
_action_elements = one_or_more(actions | st.sampled_from(["*", "s3:*", "s3:Get*", "S3:getobject"]))
_resource_elements = one_or_more(resources | st.sampled_from([f"{ARN}/*", f"{ARN}/models/*", f"{ARN}*", "*"]))
_conditions = st.dictionaries(
    st.sampled_from(
        ["StringEquals", "StringNotEquals", "StringLike", "IpAddress", "Bool", "ForAnyValue:StringEquals"]
    ),
    st.dictionaries(
        st.sampled_from(["cw:PrincipalOrgID", "aws:SourceIp", "s3:prefix"]),
        one_or_more(st.sampled_from([ORGANIZATION, "zz*", "10.0.0.0/8", True])),
        min_size=1,
        max_size=2,
    ),
    max_size=2,
)


@st.composite
def statements(draw, sid=None):
    statement = {"Effect": draw(st.sampled_from(["Allow", "Deny"]))}
    for element, values in (
        ("Principal", _principal_elements),
        ("Action", _action_elements),
        ("Resource", _resource_elements),
    ):
        statement[draw(st.sampled_from([element, f"Not{element}"]))] = draw(values)
    condition = draw(_conditions)
    if condition:
        statement["Condition"] = condition
    if sid is not None:
        statement["Sid"] = sid
    return statement


@st.composite
def documents(draw):
    """One to four statements, some named, one of them perhaps by the usual Sid of the inference statement."""
    names = draw(
        st.lists(st.sampled_from(["AllowInference", "Backup", "Admins", None]), min_size=1, max_size=4)
    )
    named = [name for place, name in enumerate(names) if name is None or name not in names[:place]]
    written = [draw(statements(sid=name)) for name in named]
    single = len(written) == 1 and draw(st.booleans())
    return {"Version": "2012-10-17", "Statement": written[0] if single else written}
