"""Which names and addresses mean this machine, and nobody beyond it."""

import ipaddress


def is_loopback(host: str) -> bool:
    """Whether the host, without a port, is a loopback address or a name that every browser takes for one."""
    name = host.lower().rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
