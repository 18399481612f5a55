"""A Temporal server that lets nobody in without a certificate and a key: what it is configured with, and what gets in."""

from __future__ import annotations

import base64
import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID

from tests.servers import private_temporal
from tests.temporal_server import free_ports
from trellis.hosts.clock import SystemClock

NAME = "temporal.example"
"""What the certificate of the server says that it is, besides 127.0.0.1."""


class Authority:
    """Signs certificates; `NAME.pem` and `NAME.key` in a folder."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._key = folder, ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.path = self._write(name, self._sign(self._name, self._key, ca=True), None)

    def certificate(self, name: str, *hosts: str) -> tuple[Path, Path]:
        """A certificate and its key, for a client, or for a server at these hosts."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        return self._write(name, self._sign(subject, key, *hosts), key), self._folder / f"{name}.key"

    def _sign(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, *hosts: str, ca: bool = False
    ) -> x509.Certificate:
        now = datetime.fromtimestamp(SystemClock().now(), UTC)
        alternatives = [
            x509.DNSName(host) if host[-1].isalpha() else x509.IPAddress(ip_address(host)) for host in hosts
        ]
        made = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        )
        if alternatives:
            made = made.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        return made.sign(self._key, hashes.SHA256())

    def _write(self, name: str, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey | None) -> Path:
        path = self._folder / f"{name}.pem"
        path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        if key is not None:
            private = key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            path.with_suffix(".key").write_bytes(private)
        return path


class Issuer:
    """Gives keys that a server believes which reads at `url` whose signature is good."""

    def __init__(self) -> None:
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._heard = http.server.HTTPServer(("127.0.0.1", 0), self._answer)
        self.url = f"http://127.0.0.1:{self._heard.server_address[1]}/keys"

    def key(self, *permissions: str, lasts_s: float = 3600) -> str:
        """An API key with permissions such as `default:write`."""
        claims = {"sub": "somebody", "permissions": permissions, "exp": int(SystemClock().now() + lasts_s)}
        signed = ".".join(_encoded(json.dumps(part).encode()) for part in ({"alg": "RS256", "kid": "one"}, claims))
        return f"{signed}.{_encoded(self._key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"

    @contextmanager
    def up(self) -> Iterator[None]:
        thread = threading.Thread(target=self._heard.serve_forever)
        thread.start()
        try:
            yield
        finally:
            self._heard.shutdown()
            thread.join()
            self._heard.server_close()

    def _answer(self, *about: Any) -> http.server.BaseHTTPRequestHandler:
        numbers = self._key.public_key().public_numbers()
        public = {
            "kty": "RSA", "use": "sig", "kid": "one", "alg": "RS256",
            "n": _encoded(numbers.n.to_bytes(256)), "e": _encoded(numbers.e.to_bytes(3)),
        }  # fmt: skip
        body = json.dumps({"keys": [public]}).encode()

        class Answer(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        return Answer(*about)


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Guarded:
    """A running server, and what a client of it needs."""

    def __init__(self, address: str, issuer: Issuer, authority: Authority, client: tuple[Path, Path]) -> None:
        self.address, self.issuer, self.authority = address, issuer, authority
        self.tls = {
            "TEMPORAL_TLS_SERVER_CA_CERT_PATH": str(authority.path),
            "TEMPORAL_TLS_CLIENT_CERT_PATH": str(client[0]),
            "TEMPORAL_TLS_CLIENT_KEY_PATH": str(client[1]),
        }

    def environment(self, *permissions: str, **more: str) -> dict[str, str]:
        """The variables with which somebody gets in who may do this in the namespace `default`."""
        return {**self.tls, "TEMPORAL_API_KEY": self.issuer.key(*(f"default:{each}" for each in permissions)), **more}


@contextmanager
def guarded(folder: Path) -> Iterator[Guarded]:
    """A server that wants both."""
    from temporalio.service import TLSConfig

    authority, issuer = Authority(folder, "authority"), Issuer()
    certificate, key = authority.certificate("server", "127.0.0.1", NAME)
    mine = authority.certificate("client")
    rpc, membership = free_ports(2)
    more = {
        "global": {
            "tls": {
                "frontend": {
                    "server": {
                        "certFile": str(certificate),
                        "keyFile": str(key),
                        "requireClientAuth": True,
                        "clientCaFiles": [str(authority.path)],
                    },
                    "client": {"serverName": NAME, "rootCaFiles": [str(authority.path)]},
                }
            },
            "authorization": {
                "jwtKeyProvider": {"keySourceURIs": [issuer.url]},
                "permissionsClaimName": "permissions",
                "authorizer": "default",
                "claimMapper": "default",
            },
        },
        # The server's own workers have no key; there they need none.
        "services": {
            "internal-frontend": {"rpc": {"grpcPort": rpc, "membershipPort": membership, "bindOnLocalHost": True}}
        },
    }
    tls = TLSConfig(
        server_root_ca_cert=authority.path.read_bytes(),
        client_cert=mine[0].read_bytes(),
        client_private_key=mine[1].read_bytes(),
    )
    with issuer.up(), private_temporal(more=more, tls=tls, api_key=issuer.key("temporal-system:admin")) as server:
        yield Guarded(server.address, issuer, authority, mine)
