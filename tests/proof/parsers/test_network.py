"""What nmap, nft and wg print is read for what it says: silence is counted, not assumed."""

import json

import pytest

from proof.parsers import nft, nmap, wireguard
from proof.parsers.errors import NothingToReadError


def grouped(state: str, reason: str, count: int) -> str:
    return f"""<extraports state="{state}" count="{count}">
<extrareasons reason="{reason}" count="{count}" proto="tcp"/></extraports>"""


SILENT = f"""<?xml version="1.0"?><nmaprun><host><status state="up" reason="user-set"/>
<address addr="198.51.100.25" addrtype="ipv4"/>
<ports>{grouped("filtered", "no-response", 65535)}
</ports></host><runstats><finished elapsed="17.20" exit="success"/></runstats></nmaprun>"""
ANSWERING = SILENT.replace(
    grouped("filtered", "no-response", 65535),
    grouped("filtered", "no-response", 65431)
    + grouped("closed", "reset", 101)
    + '<port protocol="tcp" portid="40123"><state state="open" reason="syn-ack"/></port>'
    '<port protocol="tcp" portid="113"><state state="closed" reason="reset"/></port>'
    '<port protocol="tcp" portid="7"><state state="filtered" reason="no-response"/></port>',
)


def test_a_scan_that_heard_nothing_counts_every_port_as_silent() -> None:
    scan = nmap.parse(SILENT)
    assert (scan.silent, scan.answers, scan.answered_more) == (nmap.EVERY_PORT, (), ())
    assert scan.address == "198.51.100.25"


def test_a_refusal_is_an_answer_even_where_nmap_only_counts_it() -> None:
    scan = nmap.parse(ANSWERING)
    assert [str(answer) for answer in scan.answers] == ["40123/tcp open (syn-ack)", "113/tcp closed (reset)"]
    assert scan.answered_more == ("101 more (reset)",)
    assert scan.silent == 65432


@pytest.mark.parametrize(
    "text",
    [
        "",
        SILENT[:200],
        SILENT.replace('exit="success"', 'exit="error"'),
        '<nmaprun><runstats><finished elapsed="0.1" exit="success"/></runstats></nmaprun>',
    ],
    ids=["nothing", "cut short", "failed", "no host"],
)
def test_a_scan_that_did_not_take_place_is_no_silence(text: str) -> None:
    with pytest.raises(NothingToReadError, match="nmap"):
        nmap.parse(text)


def chain(family: str, policy: str, hook: str = "input") -> dict[str, object]:
    return {"chain": {"family": family, "table": "filter", "name": "X", "hook": hook, "policy": policy}}


def chains(*entries: dict[str, object]) -> tuple[nft.Chain, ...]:
    regular: dict[str, object] = {"chain": {"family": "ip", "table": "filter", "name": "ufw-user-input"}}
    return nft.chains(json.dumps({"nftables": [{"metainfo": {}}, regular, *entries]}))


def test_each_family_needs_its_own_default() -> None:
    found = chains(chain("ip", "drop"), chain("ip6", "accept"), chain("ip6", "drop", hook="forward"))
    assert nft.denies_by_default(found, "ip")
    assert not nft.denies_by_default(found, "ip6")


def test_a_table_for_both_families_speaks_for_both() -> None:
    found = chains(chain("inet", "drop"))
    assert nft.denies_by_default(found, "ip")
    assert nft.denies_by_default(found, "ip6")


def test_members_of_a_set_are_found_in_each_way_that_nft_writes_them() -> None:
    elements = [
        "10.0.0.1",
        {"elem": {"val": "10.0.0.2", "timeout": 600}},
        {"prefix": {"addr": "10.1.0.0", "len": 16}},
    ]
    text = json.dumps({"nftables": [{"set": {"name": "s", "elem": elements}}, {"set": {"name": "empty"}}]})
    assert nft.members(text) == ("10.0.0.1", "10.0.0.2", "10.1.0.0/16")


SHOW = """\
interface: wg0
  public key: kkkk
  private key: (hidden)
  listening port: 51820

peer: hubkey=
  endpoint: 198.51.100.1:51820
  allowed ips: 10.100.0.0/24
  latest handshake: 1 minute, 5 seconds ago
  transfer: 1.30 KiB received, 2.56 KiB sent

peer: otherkey=
  allowed ips: (none)
"""


def test_peers_tell_their_last_handshake_or_that_there_was_none() -> None:
    hub, other = wireguard.peers(SHOW)
    assert hub == wireguard.Peer("hubkey=", "198.51.100.1:51820", ("10.100.0.0/24",), 65)
    assert other == wireguard.Peer("otherkey=", "", (), None)


@pytest.mark.parametrize(
    ("words", "seconds"),
    [("Now", 0), ("1 second ago", 1), ("2 hours, 1 minute, 3 seconds ago", 7263), ("1 day ago", 86400)],
)
def test_ages_are_read_from_words(words: str, seconds: int) -> None:
    assert wireguard.age_in_seconds(words) == seconds


def test_only_a_redirection_to_the_port_is_found() -> None:
    def rule(*expressions: dict[str, object]) -> dict[str, object]:
        return {"rule": {"family": "ip", "table": "nat", "chain": "prerouting", "expr": list(expressions)}}

    rules = [
        rule({"match": {"right": 22}}, {"redirect": {"port": 2288}}),
        rule({"dnat": {"addr": "10.100.0.25", "port": 2288}}),
        rule({"dnat": {"addr": "172.18.0.2", "port": 80}}),
        rule({"match": {"right": 2288}}, {"accept": None}),
    ]
    found = nft.redirections(json.dumps({"nftables": [{"metainfo": {}}, *rules]}), 2288)
    assert len(found) == 2
    assert all(each.startswith("ip nat prerouting: ") for each in found)
