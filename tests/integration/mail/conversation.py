"""A small SMTP server on loopback that answers as it is told and keeps what it was sent."""

import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HOST = "127.0.0.1"


class SmtpServer(socketserver.ThreadingTCPServer):
    """``answers`` replaces answers to commands, each entry once; ``heard`` is every line that came in."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, tls: ssl.SSLContext) -> None:
        super().__init__((HOST, 0), _Conversation)
        self.tls = tls
        self.answers: dict[str, list[str]] = {}
        self.heard: list[str] = []
        self.mails: list[bytes] = []

    @property
    def port(self) -> int:
        return self.server_address[1]


class _Conversation(socketserver.StreamRequestHandler):
    server: SmtpServer
    timeout = 10

    def handle(self) -> None:
        self._say("220 hello")
        while line := self.rfile.readline():
            words = line.decode().split()
            command = words[0].upper() if words else ""
            self.server.heard.append(line.decode().strip())
            if not self._answer(command):
                return

    def _answer(self, command: str) -> bool:
        if planned := self.server.answers.get(command):
            self._say(planned.pop(0))
            return True
        if command == "EHLO":
            self._say("250-here\r\n250-STARTTLS\r\n250 AUTH PLAIN")
        elif command == "STARTTLS":
            self._say("220 go")
            self.request = self.server.tls.wrap_socket(self.request, server_side=True)
            self.rfile, self.wfile = self.request.makefile("rb"), self.request.makefile("wb", buffering=0)
        elif command == "AUTH":
            self._say("235 welcome")
        elif command == "DATA":
            self._say("354 speak")
            self._keep_mail()
        else:
            self._say("221 bye" if command == "QUIT" else "250 fine")
        return command != "QUIT"

    def _keep_mail(self) -> None:
        lines = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line)
        self.server.mails.append(b"".join(lines))
        self._say("250 taken")

    def _say(self, answer: str) -> None:
        self.wfile.write(answer.encode() + b"\r\n")

    def finish(self) -> None:
        self.rfile.close()
        self.wfile.close()
        self.request.close()


@contextmanager
def serving(folder: Path) -> Iterator[tuple[SmtpServer, ssl.SSLContext]]:
    """The server, and a context that trusts it."""
    certificate = _certificate(folder)
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    theirs.load_cert_chain(certificate)
    with SmtpServer(theirs) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server, ssl.create_default_context(cafile=certificate)
        server.shutdown()
        thread.join()


def _certificate(folder: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(HOST))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / "certificate.pem"
    path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    return path
