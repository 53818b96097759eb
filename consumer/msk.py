"""Tokens for brokers of Amazon MSK that authenticate by IAM. Only for the `aws` extra; imported nowhere else."""

from __future__ import annotations

from collections.abc import Callable

import structlog
from aws_msk_iam_sasl_signer import MSKAuthTokenProvider
from botocore.exceptions import BotoCoreError, ClientError

_log = structlog.get_logger(__name__)


def token_callback(region: str) -> Callable[[str], tuple[str, float]]:
    """For librdkafka's `oauth_cb`: a token, signed with the AWS credentials at hand, and the Unix time of its end.

    It is called where the client is made, which fails without a token, and by the thread that polls each time most of
    a token's 15 minutes is over. What it raises then librdkafka takes as a failure: it asks again after ten seconds,
    and goes on with the old token until then.

    Source: README of aws-msk-iam-sasl-signer-python; librdkafka, `rd_kafka_oauthbearer_set_token_failure`.
    """

    def token(_: str) -> tuple[str, float]:
        try:
            signed, expires_ms = MSKAuthTokenProvider.generate_auth_token(region)
        except (BotoCoreError, ClientError, ValueError, AttributeError, OSError) as error:
            # OSError: a file with credentials cannot be read. AttributeError is how the signer meets an environment
            # without any. Only its kind: texts may quote one.
            remedy = "give the pod a role that may connect to the cluster, or AWS credentials"
            _log.error("msk_token_failed", error=type(error).__name__, remedy=remedy)
            raise
        return signed, expires_ms / 1000

    return token
