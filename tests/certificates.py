"""A certificate for localhost, for tests of TLS."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID


def localhost(folder: Path, whose: str = "localhost") -> tuple[Path, Path]:
    """Two PEM files: the authority to trust, and the certificate with its key. Good for the name, not for an address."""
    certificate, private = _made(whose)
    authority, own = folder / "authority.pem", folder / "own.pem"
    authority.write_bytes(certificate.public_bytes(Encoding.PEM))
    own.write_bytes(private + certificate.public_bytes(Encoding.PEM))
    return authority, own


def self_signed() -> bytes:
    """Another certificate each time, as DER."""
    return _made()[0].public_bytes(Encoding.DER)


def _made(whose: str = "localhost") -> tuple[x509.Certificate, bytes]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, whose)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, SHA256())
    )
    return certificate, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
