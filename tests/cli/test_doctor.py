from tests.cli.account import Account


def test_all_is_well(account: Account) -> None:
    print(account.run("doctor")[1])
    print(account.run("doctor", "--json")[1])
    assert 0
