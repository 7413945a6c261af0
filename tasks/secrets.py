"""Secrets by name: what is written down names them, and they are looked up at the moment of use.

`${NAME}` stands for an environment variable of the process that does the work, `${secret:NAME}` for a Secret block of
Prefect's.  So parameters, contracts, logs, artifacts and manifests hold the name and never the secret.
"""

import os
import re
from typing import Any

from data_contracts import ContractError

__all__ = ["reveal"]

_NAMED = re.compile(r"\$\{(secret:)?([A-Za-z0-9_-]+)\}")


def reveal(text: str) -> str:
    """Return a text with the secrets that it names.

    Raises:
        ContractError: there is none of that name.
    """
    return _NAMED.sub(lambda found: _block(found[2]) if found[1] else _variable(found[2]), text)


def _variable(name: str) -> str:
    if (value := os.environ.get(name)) is None:
        raise _unknown(f"there is no environment variable {name}", "Set it where the flow runs: on a worker, its own")
    return value


def _block(name: str) -> str:
    from prefect.blocks.system import Secret

    load: Any = Secret.load  # within a flow it is no coroutine, as its type says it could be
    try:
        return str(load(name, _sync=True).get())
    except ValueError:
        raise _unknown(
            f"Prefect has no Secret block {name}", "Make it, in the UI under Blocks or by its API, or mend the name"
        ) from None


def _unknown(fact: str, remedy: str) -> ContractError:
    return ContractError("a secret that is named can be looked up", fact, remedy)
