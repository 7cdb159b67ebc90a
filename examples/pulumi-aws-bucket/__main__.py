"""A bucket and its whole policy document managed by pulumi-aws; our statement is one of those in it."""

import json

import coreweave_inference as cw
import pulumi
import pulumi_aws as aws

ZONE = "US-EAST-04A"
BUCKET = "acme-aws-managed-weights"

object_storage = aws.Provider(
    "object-storage",
    region=ZONE,
    endpoints=[{"s3": "https://cwobject.com"}],
    skip_credentials_validation=True,
    skip_metadata_api_check=True,
    skip_region_validation=True,
    skip_requesting_account_id=True,
)
with_object_storage = pulumi.ResourceOptions(provider=object_storage)
# A first policy shuts out everyone whom it does not name, so the organization that owns the bucket is named too.
owners = {
    "Sid": "Owners",
    "Effect": "Allow",
    "Principal": "*",
    "Action": "s3:*",
    "Resource": [f"arn:aws:s3:::{BUCKET}", f"arn:aws:s3:::{BUCKET}/*"],
    "Condition": {"StringEquals": {"cw:PrincipalOrgID": "ab1cd2"}},
}
weights = aws.s3.Bucket("weights", bucket=BUCKET, opts=with_object_storage)
policy = aws.s3.BucketPolicy(
    "weights-policy",
    bucket=weights.bucket,
    policy=json.dumps(
        {"Version": "2012-10-17", "Statement": [owners, cw.inference_statement(BUCKET, ["models"])]}
    ),
    opts=with_object_storage,
)

public = cw.Gateway("public", zones=[ZONE], auth=cw.CoreWeaveAuth(), routing=cw.BodyBasedRouting())
chat = cw.Deployment(
    "chat",
    gateways=[public],
    model=cw.Model(name="acme/chat", bucket=weights.bucket, path="models/llama-3.1-8b"),
    runtime=cw.Runtime(engine="vllm"),
    resources=cw.Resources(instance_type="gd-8xh200ib-i128", gpu_count=1),
    autoscaling=cw.Autoscaling(min=1, max=2, concurrency=32),
    opts=pulumi.ResourceOptions(depends_on=[policy]),
)
cw.Readiness("ready")
cw.export()
