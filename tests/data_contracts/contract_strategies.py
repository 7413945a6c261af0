"""Contracts of every shape, for laws: each consistent by construction."""

from datetime import UTC, date, datetime, timedelta

from hypothesis import strategies as st

from data_contracts import Column, Combination, Comparison, Contract, Source, Threshold
from data_contracts.contract import IMAGE_FORMATS

LETTERS = "abcXYZ019 _-.:#'\"&*!|>%@`{}[],?\\/éß漢🎲\u2028"
WORDS = st.text(LETTERS, min_size=1, max_size=8).filter(lambda text: text.strip() and "\u2028" not in text)
TRICKY = st.sampled_from(
    ["no", "null", "~", "1", "1.0", "1e3", "0x1f", "2020-01-01", "12:30", "true", "=", "<<", "007"]
)
TEXTS = st.text(LETTERS + "\n", max_size=30)
NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)
PATTERNS = st.sampled_from(
    [r"[A-Z]{2}-\d{4}", r"(ab|cd)+x?", r"\w{3,}", r"[^a-z]{2}", r"id\.\d+", r"(?P<a>x|y)\d(?P=a)"]
)
FORMATS = st.sampled_from(["%Y-%m-%d", "%d/%m/%Y", "%Y%m%d", "%d %b %Y", "%Y-%m-%d at %H"])
TIMES = st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1))  # noqa: DTZ001 - with and without a zone
INT64 = st.integers(-(2**63), 2**63 - 1)
FLOATS = st.floats(-1e300, 1e300, allow_nan=False)


def bounds(values):
    """Return none, either or both of two ordered bounds."""
    return st.tuples(values, values, st.sampled_from(["", "l", "h", "lh"])).map(
        lambda drawn: {
            **({"minimum": min(drawn[:2])} if "l" in drawn[2] else {}),
            **({"maximum": max(drawn[:2])} if "h" in drawn[2] else {}),
        },
    )


@st.composite
def columns(draw, name):
    kind = draw(st.sampled_from(["integer", "number", "boolean", "category", "date", "timestamp", "id"]))
    more = draw({"integer": bounds(INT64), "number": numbers(), "category": categories(), "date": dates(),
                 "timestamp": timestamps(), "id": ids(), "boolean": st.just({})}[kind])  # fmt: skip
    return Column(
        name=name,
        kind=kind,
        description=draw(TEXTS),
        required=draw(st.booleans()),
        sensitivity=draw(st.none() | st.sampled_from(["public", "restricted"])),
        **more,
    )


@st.composite
def numbers(draw):
    decimals = draw(st.none() | st.integers(0, 15))
    whole = st.integers(-(10**6), 10**6)
    return draw(bounds(FLOATS | whole if decimals is None else whole)) | {"decimals": decimals}


@st.composite
def categories(draw):
    form = draw(st.sampled_from(["learned", "listed", "pattern", "codes"]))
    if form == "listed":
        return {"values": tuple(draw(st.lists(WORDS | TRICKY, min_size=1, max_size=6, unique=True)))}
    if form == "codes":
        return {"values": tuple(draw(st.lists(INT64, min_size=1, max_size=6, unique=True))), "storage": "integer"}
    return {"pattern": draw(PATTERNS)} if form == "pattern" else {}


@st.composite
def ids(draw):
    more = draw(st.sampled_from([{}, {"storage": "integer"}, {"pattern": r"[A-Z]{3}\d{6}"}]))
    return more | {"unique": draw(st.booleans())}


@st.composite
def dates(draw):
    return draw(bounds(st.dates(date(1, 1, 1)))) | {"format": draw(st.none() | FORMATS)}


@st.composite
def timestamps(draw):
    zone = draw(st.sampled_from([None, "Etc/UTC", "Europe/London", "Asia/Kolkata"]))
    unit = draw(st.sampled_from(["s", "ms", "us", "ns"]))
    drawn = draw(bounds(TIMES.map(lambda time: time.replace(tzinfo=UTC) if zone else time)))
    if len(drawn) == 2 and drawn["maximum"] - drawn["minimum"] < timedelta(seconds=2):  # room for one value of any unit
        drawn["maximum"] += timedelta(seconds=2)
    return drawn | {"timezone": zone, "unit": unit, "format": draw(st.none() | FORMATS)}


@st.composite
def images(draw, name):
    side = st.sampled_from([8, 11, 16, 28])
    formats = st.none() | st.lists(st.sampled_from(IMAGE_FORMATS), min_size=1, unique=True).map(tuple)
    return Column(
        name=name,
        kind="image",
        required=True,
        unique=draw(st.booleans()),
        height=draw(side),
        width=draw(side),
        channels=draw(st.sampled_from([1, 3])),
        formats=draw(formats),
        resize=draw(st.booleans()),
        shown=draw(st.booleans()),
    )


@st.composite
def rules(draw, table):
    """Return comparisons of columns that can be compared, and combinations."""
    found = []
    families = {}
    for column in table:
        family = column.kind if column.kind != "number" else "integer"
        if family in ("integer", "date", "timestamp"):
            families.setdefault((family, column.timezone is None), []).append(column.name)
    for names in families.values():
        if len(names) > 1:
            left, right = draw(st.permutations(names))[:2]
            operator = draw(st.sampled_from(["<", "<=", ">", ">=", "!="]))
            found.append(Comparison(f"rule_{len(found)}", left, operator, right))
    listed = [column for column in table if column.values]
    if len(listed) > 1:
        choices = st.tuples(*(st.sampled_from(column.values) for column in listed))
        allowed = draw(st.none() | st.lists(choices, min_size=1, max_size=5, unique=True).map(tuple))
        found.append(Combination("together", tuple(column.name for column in listed), allowed))
    return tuple(found)


@st.composite
def sources(draw):
    place = draw(st.sampled_from(["/data/x y.csv", "s3://bucket/*.parquet", "https://me:pass@host/x?key=1"]))
    return Source(
        location=place,
        format=draw(st.sampled_from([None, "csv", "parquet", "jsonl"])),
        header=draw(st.booleans()),
        separator=draw(st.sampled_from([";", "\t", "|"])),
        decimal=draw(st.sampled_from([".", ","])),
        encoding=draw(st.sampled_from(["utf-8", "latin-1"])),
        unknown=tuple(draw(st.lists(st.sampled_from(["?", "NA", "no"]), unique=True))),
    )


@st.composite
def thresholds(draw):
    low, high = sorted(draw(st.tuples(st.floats(-1, 1), st.floats(-1, 1))))
    low, high = draw(st.sampled_from([(low, None), (None, high), (low, high)]))
    return Threshold(draw(NAMES), draw(WORDS), minimum=low, maximum=high)


@st.composite
def contracts(draw):
    names = draw(st.lists(NAMES | WORDS | TRICKY, min_size=1, max_size=6, unique=True))
    table = [draw(columns(name)) for name in names]
    if draw(st.booleans()) and table[0].kind in ("id", "integer", "date"):
        table[0] = _key(table[0])
    if draw(st.booleans()):
        table[-1] = draw(images(names[-1]))
    targets = [column.name for column in table if column.kind not in ("id", "date", "timestamp", "image")]
    source = draw(st.none() | sources())
    if source and any(set(source.unknown) & set(column.values or ()) for column in table):
        source = None
    return Contract(
        id=draw(st.from_regex(r"[a-z0-9]([._-]?[A-Za-z0-9]){0,5}", fullmatch=True)),
        version=draw(st.sampled_from(["1.0.0", "0.1.0", "2.10.3-rc.1"])),
        name=draw(WORDS | TRICKY),
        columns=tuple(table),
        purpose=draw(TEXTS),
        licence=draw(TEXTS),
        source=source,
        rules=draw(rules(table)),
        gate=tuple(draw(st.lists(thresholds(), max_size=3, unique_by=lambda threshold: threshold.score))),
        model=draw(st.sampled_from(["gmm", "auto", "flow_matching"])),
        target=draw(st.none() | st.sampled_from(targets)) if targets else None,
        holdout=draw(st.floats(0.01, 0.5)),
        minimum_rows=draw(st.integers(1, 10**6)),
    )


def _key(column):
    fields = {name: getattr(column, name) for name in Column.__slots__}
    return Column(**fields | {"primary_key": True, "required": True, "unique": True})
