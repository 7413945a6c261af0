import pytest

from data_contracts.odcs import find, load


@pytest.fixture(scope="session")
def adult():
    return load(find("adult"))
