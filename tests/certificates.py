"""A certificate authority for tests, made by the openssl program in a folder of its own."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.programs import find_program

_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
LONG_AGO, YESTERDAY = "20200101000000Z", "20240101000000Z"


@dataclass(frozen=True)
class Pair:
    """A certificate and its key, as files."""

    certificate: str
    private_key: str


class Authority:
    """Signs certificates; ``certificate`` is its own, which others trust."""

    def __init__(self, folder: Path, name: str = "Test authority") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.certificate = str(folder / "ca.pem")
        self._key = str(folder / "ca.key")
        (folder / "index.txt").touch()
        (folder / "serial").write_text("1000\n")
        _openssl(
            *("req", "-x509", *_KEY, "-days", "30", "-subj", f"/CN={name}"),
            *("-addext", "keyUsage=critical,keyCertSign,cRLSign"),
            *("-out", self.certificate, "-keyout", self._key),
        )

    def sign(
        self, name: str, alternative: str = "IP:127.0.0.1,DNS:localhost", days: int = 30
    ) -> Pair:
        """Make a certificate for a name."""
        return self._sign(name, alternative, "-days", str(days))

    def sign_expired(self, name: str, alternative: str = "IP:127.0.0.1") -> Pair:
        """Make a certificate that has ended."""
        return self._sign(name, alternative, "-startdate", LONG_AGO, "-enddate", YESTERDAY)

    def _sign(self, name: str, alternative: str, *validity: str) -> Pair:
        stem = name.replace(" ", "-")
        pair = Pair(str(self.folder / f"{stem}.pem"), str(self.folder / f"{stem}.key"))
        request, configuration = self.folder / f"{stem}.csr", self.folder / f"{stem}.cnf"
        configuration.write_text(
            "[ca]\ndefault_ca=own\n[own]\ndefault_md=sha256\npolicy=any\nunique_subject=no\n"
            f"database={self.folder / 'index.txt'}\nnew_certs_dir={self.folder}\n"
            f"serial={self.folder / 'serial'}\n"
            "[any]\ncommonName=supplied\n"
            f"[leaf]\nsubjectAltName={alternative}\nbasicConstraints=CA:FALSE\n"
            "extendedKeyUsage=serverAuth,clientAuth\n"
        )
        _openssl(
            *("req", *_KEY, "-subj", f"/CN={name}"),
            *("-out", str(request), "-keyout", pair.private_key),
        )
        _openssl(
            *("ca", "-batch", "-notext", "-config", str(configuration)),
            *("-cert", self.certificate, "-keyfile", self._key, "-extensions", "leaf"),
            *(*validity, "-in", str(request), "-out", pair.certificate),
        )
        Path(pair.private_key).chmod(0o600)
        return pair


def _openssl(*arguments: str) -> None:
    subprocess.run([find_program("openssl"), *arguments], check=True, capture_output=True)
