"""What makes a test's broker ask who its clients are: TLS, SASL, and an authorizer that allows what is listed only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tests.harness.certificates import Certificates

Listener = Literal["SASL_SSL", "SSL"]
LISTENERS: tuple[Listener, ...] = ("SASL_SSL", "SSL")
SCRAM = ("SCRAM-SHA-256", "SCRAM-SHA-512")

_LOGIN = (
    "listener.name.sasl_ssl.{mechanism}.sasl.jaas.config=org.apache.kafka.common.security.{module} required{options};"
)


@dataclass(frozen=True, slots=True)
class Security:
    """Two listeners beside the open one, which stays for the test itself and may do everything.

    SASL_SSL takes a user and a password, by SCRAM or PLAIN, or the unsecured token of OAUTHBEARER that librdkafka makes
    for tests; SSL takes a certificate of the authority's, and its principal is the certificate's subject.
    """

    certificates: Certificates
    users: Mapping[str, str]
    """Passwords, by user."""
    server: Path
    """The certificate that the broker shows."""

    def settings(self, folder: Path) -> str:
        """Lines for the broker's properties; writes its key store into `folder`.

        Sources: Apache Kafka's documentation, "Security"; KIP-651 for stores in PEM.
        """
        store = folder / "server-with-its-key.pem"
        store.write_text(self.certificates.key_of(self.server).read_text() + self.server.read_text())
        users = "".join(f' user_{user}="{password}"' for user, password in self.users.items())
        logins = [
            _LOGIN.format(mechanism="plain", module="plain.PlainLoginModule", options=users),
            *(_LOGIN.format(mechanism=name.lower(), module="scram.ScramLoginModule", options="") for name in SCRAM),
            _LOGIN.format(
                mechanism="oauthbearer",
                module="oauthbearer.OAuthBearerLoginModule",
                options=' unsecuredLoginStringClaim_sub="broker"',
            ),
        ]
        return "\n".join(
            [
                f"sasl.enabled.mechanisms={','.join(SCRAM)},PLAIN,OAUTHBEARER",
                *logins,
                "ssl.keystore.type=PEM",
                f"ssl.keystore.location={store}",
                "ssl.truststore.type=PEM",
                f"ssl.truststore.location={self.certificates.authority}",
                "listener.name.ssl.ssl.client.auth=required",
                "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
                "super.users=User:ANONYMOUS",
                "",
            ]
        )

    def format_arguments(self) -> list[str]:
        """For Kafka's StorageTool: SCRAM users are records of the metadata log, there from the beginning."""
        return [
            argument
            for mechanism in SCRAM
            for user, password in self.users.items()
            for argument in ("--add-scram", f"{mechanism}=[name={user},password={password}]")
        ]
