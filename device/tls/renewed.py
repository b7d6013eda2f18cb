"""TLS material for a device that has run before: the same files, as they are on disk now."""

from device.errors import WrongSetting
from device.tls.encryption import Encryption, TlsSettings, encryption


def renewed(settings: TlsSettings) -> Encryption:
    """Certificate and key, or the CA, and the roots. Raises WrongSetting.

    A CA is made on first use; to find none any more is a mistake: no client would trust a new one.
    """
    folder = settings.inspection_ca
    if folder is not None and not (folder / "ca.pem").exists():
        raise WrongSetting(
            f"{folder} holds no ca.pem any more", next_step="Put it and its ca.key back, then reload again."
        )
    return encryption(settings)
