"""Who may see the page: token, Host, Origin, and what a token may be."""

from __future__ import annotations

import socket

import pytest

from fcn_edge.errors import OutputError, UsageError
from fcn_edge.live.web.config import WebConfig, address_to_show, bind, check_web_config, is_loopback
from fcn_edge.live.web.guard import Guard, Verdict, Visit, is_local_name
from fcn_edge.live.web.guesses import AT_ONCE, Guesses

TOKEN = "correct-horse-battery"
COOKIE = "fcn_edge_8080"
EVERYWHERE = "0.0.0.0"


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def _judge(guard, *, headers=None, cookies=None, token=None, websocket=False, address="192.0.2.7"):
    headers = {"Host": "camera:8080", **(headers or {})}
    return guard.judge(Visit(address, headers, cookies or {}, token, websocket), COOKIE)


def _guard(token=TOKEN):
    return Guard(token, Clock())


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:9", "127.0.0.1:8080", "127.0.0.2", "[::1]", "[::1]:8080"])
def test_without_a_token_this_machines_own_names_are_welcome(host):
    assert is_local_name(host)
    assert _judge(_guard(None), headers={"Host": host}) is Verdict.WELCOME


@pytest.mark.parametrize(
    "host", ["", "evil.example", "localhost.evil.example:8080", "192.0.2.1:8080", "[::2]", "127.0.0.1.evil", ":80"]
)
def test_without_a_token_a_foreign_name_for_this_machine_is_turned_away(host):
    assert _judge(_guard(None), headers={"Host": host}) is Verdict.WRONG_HOST


def test_the_token_is_taken_from_the_address_the_header_and_the_cookie():
    guard = _guard()
    assert _judge(guard, token=TOKEN) is Verdict.ARRIVED
    assert _judge(guard, headers={"Authorization": f"Bearer {TOKEN}"}) is Verdict.WELCOME
    assert _judge(guard, cookies={COOKIE: guard.cookie}) is Verdict.WELCOME


def test_the_cookie_does_not_give_the_token_away():
    assert TOKEN not in _guard().cookie
    assert _judge(_guard(), cookies={COOKIE: TOKEN}) is Verdict.WRONG_TOKEN


def test_no_token_and_a_wrong_one_are_told_apart():
    assert _judge(_guard()) is Verdict.NO_TOKEN
    assert _judge(_guard(), token="") is Verdict.WRONG_TOKEN
    assert _judge(_guard(), token=f"{TOKEN}x") is Verdict.WRONG_TOKEN
    assert _judge(_guard(), token=TOKEN[:-1]) is Verdict.WRONG_TOKEN
    assert _judge(_guard(), headers={"Authorization": "Bearer nonsense"}) is Verdict.WRONG_TOKEN
    assert _judge(_guard(), cookies={"other": "x"}) is Verdict.NO_TOKEN
    assert _judge(_guard(), token="é\udcff") is Verdict.WRONG_TOKEN


def test_a_wrong_token_in_the_address_is_wrong_whatever_the_cookie():
    guard = _guard()
    assert _judge(guard, token="wrong", cookies={COOKIE: guard.cookie}) is Verdict.WRONG_TOKEN


@pytest.mark.parametrize(
    ("origin", "verdict"),
    [
        ("http://camera:8080", Verdict.WELCOME),
        ("https://camera:8080", Verdict.WELCOME),
        ("http://camera:8081", Verdict.WRONG_ORIGIN),
        ("http://evil.example", Verdict.WRONG_ORIGIN),
        ("null", Verdict.WRONG_ORIGIN),
        ("file://camera:8080", Verdict.WRONG_ORIGIN),
        ("http://[", Verdict.WRONG_ORIGIN),
        (None, Verdict.WRONG_ORIGIN),
    ],
)
def test_a_websocket_is_for_the_page_of_the_same_host_only(origin, verdict):
    headers = {"Authorization": f"Bearer {TOKEN}"} | ({} if origin is None else {"Origin": origin})
    assert _judge(_guard(), headers=headers, websocket=True) is verdict


def test_another_sites_page_may_link_here_but_not_embed_anything():
    site = {"Sec-Fetch-Site": "cross-site"}
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    assert _judge(_guard(), headers={**bearer, **site, "Sec-Fetch-Dest": "image"}) is Verdict.WRONG_ORIGIN
    assert _judge(_guard(), headers={**bearer, **site, "Sec-Fetch-Dest": "document"}) is Verdict.WELCOME
    assert _judge(_guard(), headers={**bearer, "Origin": "http://evil.example"}) is Verdict.WRONG_ORIGIN


def test_who_guesses_too_often_is_not_listened_to_for_a_while_and_others_are():
    clock = Clock()
    guard = Guard(TOKEN, clock)
    for number in range(AT_ONCE):
        assert _judge(guard, token=f"guess number {number}") is Verdict.WRONG_TOKEN
    assert _judge(guard, token=TOKEN) is Verdict.TOO_MANY_GUESSES
    assert _judge(guard) is Verdict.NO_TOKEN
    assert _judge(guard, token=TOKEN, address="192.0.2.8") is Verdict.ARRIVED
    clock.now += 4
    assert _judge(guard, token=TOKEN) is Verdict.ARRIVED


def test_a_page_that_asks_with_an_old_token_again_and_again_counts_once():
    guard = _guard()
    for _ in range(5 * AT_ONCE):
        assert _judge(guard, cookies={COOKIE: "from before the restart"}) is Verdict.WRONG_TOKEN
    assert _judge(guard, token=TOKEN) is Verdict.ARRIVED


def test_one_ipv6_network_is_one_guesser():
    guesses = Guesses(Clock())
    for number in range(AT_ONCE):
        guesses.wrong(f"2001:db8::{number:x}", f"guess {number}")
    assert guesses.exhausted("2001:db8::ffff")
    assert not guesses.exhausted("2001:db8:0:1::1")


def test_what_is_remembered_of_guessers_is_bounded():
    guesses = Guesses(Clock())
    for number in range(5000):
        guesses.wrong(f"10.0.{number // 250}.{number % 250}", "guess")
    assert len(guesses._records) <= 256


@pytest.mark.parametrize(
    "token", ["", "short", "fifteen-letters", "with a space in it!", "ümlaute-sind-hier-nicht", "a&b=c-long-enough"]
)
def test_a_token_that_is_short_or_needs_escaping_is_refused(token):
    with pytest.raises(UsageError, match="token") as caught:
        check_web_config(WebConfig(token=token))
    assert token not in caught.value.message or not token
    assert "token_urlsafe" in caught.value.hint


@pytest.mark.parametrize("config", [WebConfig(port=-1), WebConfig(port=65536), WebConfig(max_viewers=0)])
def test_values_out_of_range_are_refused(config):
    with pytest.raises(UsageError, match="expected"):
        check_web_config(config)


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("localhost", True), (EVERYWHERE, False), ("192.0.2.1", False), ("", False)],
)
def test_only_loopback_addresses_can_do_without_a_token(host, expected):
    assert is_loopback(host) is expected


def test_a_port_that_is_taken_is_an_error_that_says_how_to_go_on():
    with bind("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OutputError, match="in use") as caught:
            bind("127.0.0.1", port)
    assert f"--port {port}" in caught.value.message
    assert f"--port {port + 1}" in caught.value.hint


@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.name.invalid", "a" * 300])
def test_an_address_that_is_not_this_machines_is_an_error(host):
    with pytest.raises(OutputError, match=r"cannot listen at|no address or name"):
        bind(host, 0)


def test_the_address_shown_is_one_that_can_be_opened():
    assert address_to_show("127.0.0.1") == "127.0.0.1"
    assert address_to_show("::1") == "[::1]"
    shown = address_to_show(EVERYWHERE)
    assert shown
    assert shown != EVERYWHERE
    assert socket.gethostbyname(shown)
