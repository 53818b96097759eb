"""Certificates for the TLS tests, made anew for each run by the `openssl` command."""

from __future__ import annotations

import os
import shutil
import ssl
import subprocess
from pathlib import Path
from typing import NoReturn

import pytest

_AUTHORITY = ("basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,cRLSign")


class Certificates:
    """An authority, and what it signed for the server at 127.0.0.1 and for a client; and an authority unknown to it.

    Python from 3.13 on refuses an authority's certificate that does not say what its key is for (RFC 5280, 4.2.1.3).
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._openssl = shutil.which("openssl") or _do_without()
        self.authority = self._make("authority", *_AUTHORITY)
        self.server = self._make("server", "subjectAltName=IP:127.0.0.1", signer="authority")
        self.client = self._make("client", "extendedKeyUsage=clientAuth", signer="authority")
        self.stranger = self._make("stranger", *_AUTHORITY)

    def key_of(self, certificate: Path) -> Path:
        return certificate.with_suffix(".key")

    def of_another_host(self) -> Path:
        """Signed by the authority, for a server that is not at 127.0.0.1."""
        return self._make("another-host", "subjectAltName=DNS:another-host.example.com", signer="authority")

    def expired(self) -> Path:
        """Signed by the authority for the server at 127.0.0.1, and good no more from the moment it was made."""
        certificate, request = self._directory / "expired.pem", self._directory / "expired.csr"
        self._run("req", *self._new_key(certificate), "-addext", "subjectAltName=IP:127.0.0.1", "-out", str(request))
        by = ["-CA", str(self.authority), "-CAkey", str(self.key_of(self.authority))]
        signing = ["-req", "-in", str(request), *by, "-copy_extensions", "copy", "-days", "0"]
        self._run("x509", *signing, "-out", str(certificate))
        return certificate

    def server_side(self, certificate: Path | None = None, *, asks_clients: bool = False) -> ssl.SSLContext:
        """For a server on 127.0.0.1, which may ask its clients for a certificate of the authority's."""
        shown = certificate or self.server
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(shown, self.key_of(shown))
        if asks_clients:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(self.authority)
        return context

    def _make(self, name: str, *extensions: str, signer: str | None = None) -> Path:
        certificate = self._directory / f"{name}.pem"
        options = ["-x509", "-days", "2", *self._new_key(certificate)]
        if signer is not None:
            path = self._directory / f"{signer}.pem"
            options += ["-CA", str(path), "-CAkey", str(self.key_of(path))]
            extensions = (*extensions, "basicConstraints=CA:FALSE")
        for extension in extensions:
            options += ["-addext", extension]
        self._run("req", *options, "-out", str(certificate))
        return certificate

    def _new_key(self, certificate: Path) -> list[str]:
        kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        return [*kind, "-keyout", str(self.key_of(certificate)), "-subj", f"/CN={certificate.stem}"]

    def _run(self, *arguments: str) -> None:
        subprocess.run([self._openssl, *arguments], check=True, capture_output=True, timeout=30)


def _do_without() -> NoReturn:
    reason = "the `openssl` command, which makes the certificates of the TLS tests, is not installed"
    if os.environ.get("REQUIRE_REAL") == "1":
        pytest.fail(f"REQUIRE_REAL=1, and {reason}", pytrace=False)
    pytest.skip(reason)
