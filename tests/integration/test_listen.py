"""Taking the port, before anything else is done."""

import socket

import pytest

from api.server import listen
from domain.errors import Unavailable


def test_port_zero_is_a_free_one_and_is_free_again_afterwards() -> None:
    with listen("127.0.0.1", 0) as sockets:
        (port,) = {one.getsockname()[1] for one in sockets}
        with socket.create_connection(("127.0.0.1", port)):
            pass

    with listen("127.0.0.1", port) as again:
        assert again[0].getsockname() == ("127.0.0.1", port)


def test_all_addresses_of_a_name_have_the_same_port() -> None:
    with listen("localhost", 0) as sockets:
        assert len({one.getsockname()[1] for one in sockets}) == 1


def test_a_port_in_use_is_not_taken_twice() -> None:
    with listen("127.0.0.1", 0) as sockets:
        port = sockets[0].getsockname()[1]
        with pytest.raises(Unavailable) as refused, listen("127.0.0.1", port):
            pass

    assert refused.value.message == f"Cannot listen on 127.0.0.1, port {port}: address already in use."


def test_an_address_that_the_machine_does_not_have_is_told() -> None:
    with pytest.raises(Unavailable) as refused, listen("192.0.2.7", 0):
        pass

    assert refused.value.message == "Cannot listen on 192.0.2.7, port 0: cannot assign requested address."
