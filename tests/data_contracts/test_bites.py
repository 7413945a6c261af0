"""Every refusal of a contract: one mistake is planted, and its rule and path must be told."""

import pytest
import yaml

from data_contracts import ContractError
from data_contracts.odcs import MAXIMUM_BYTES, dump, find, load, loads
from data_contracts.odcs.problems import RULES

TEXT = """
apiVersion: v3.1.0
kind: DataContract
id: orders
version: 1.0.0
description: {purpose: Orders of a shop.}
servers:
  - server: source
    type: local
    path: orders.csv
    format: csv
    customProperties:
      - {property: separator, value: ";"}
      - {property: unknown, value: ["?"]}
schema:
  - name: orders
    properties:
      - {name: order, logicalType: integer, primaryKey: true}
      - {name: paid, logicalType: number, logicalTypeOptions: {minimum: 0, maximum: 90, multipleOf: 0.01}}
      - {name: back, logicalType: number, logicalTypeOptions: {minimum: 0}}
      - name: channel
        logicalType: string
        logicalTypeOptions: {pattern: "[a-z]+"}
        quality: [{metric: invalidValues, mustBe: 0, arguments: {validValues: [web, shop]}}]
      - {name: gift, logicalType: boolean}
      - {name: pieces, logicalType: integer, logicalTypeOptions: {minimum: 1}}
      - {name: day, logicalType: date, logicalTypeOptions: {minimum: "2020-01-01", format: dd/MM/yyyy}}
      - name: at
        logicalType: timestamp
        logicalTypeOptions: {maximum: "2030-01-01T00:00:00", defaultTimezone: Europe/London}
        customProperties: [{property: unit, value: ms}]
    quality: [{metric: rowCount, mustBeGreaterOrEqualTo: 50}]
customProperties:
  - {property: model, value: gmm}
  - {property: target, value: channel}
  - {property: holdout, value: 0.2}
  - property: rules
    value:
      - {name: no_more_back, check: [back, "<=", paid]}
      - {name: gifts, combination: [channel, gift], allowed: [[web, true], [shop, false]]}
  - property: gate
    value:
      column_shapes: {minimum: 0.9, because: below this it is seen}
"""

COLUMN = "schema[0].properties"
RULE, GATE = "customProperties[3].value", "customProperties[4].value.column_shapes"

BITES = [
    # keys and types
    ("status: active\n", "statos: active\n", "contract.keys", "statos"),
    ("gift, logicalType", "gift, colour: red, logicalType", "contract.keys", f"{COLUMN}[4].colour"),
    ("minimum: 1}", "minimum: 1, least: 1}", "contract.keys", f"{COLUMN}[5].logicalTypeOptions.least"),
    ("minimum: 1}", "exclusiveMinimum: 1}", "contract.keys", f"{COLUMN}[5].logicalTypeOptions.exclusiveMinimum"),
    ("because: below", "why: x, because: below", "contract.keys", f"{GATE}.why"),
    ("property: model", "property: modell", "contract.keys", "customProperties[0].property"),
    ("property: unit", "property: unitt", "contract.keys", f"{COLUMN}[7].customProperties[0].property"),
    ("property: separator", "property: sep", "contract.keys", "servers[0].customProperties[0].property"),
    ("property: model", "property: target", "contract.names", "customProperties[1].property"),
    ("id: orders\n", "", "contract.needed", "id"),
    ("name: gift, ", "", "contract.needed", f"{COLUMN}[4].name"),
    (", because: below this it is seen", "", "contract.needed", f"{GATE}.because"),
    ("version: 1.0.0", "version: 1.0", "contract.types", "version"),
    ("minimum: 1}", "minimum: 1.5}", "contract.types", f"{COLUMN}[5].logicalTypeOptions.minimum"),
    ("minimum: 1}", "minimum: true}", "contract.types", f"{COLUMN}[5].logicalTypeOptions.minimum"),
    ('"2020-01-01"', "2020-01-01", "contract.types", f"{COLUMN}[6].logicalTypeOptions.minimum"),
    ("primaryKey: true", "primaryKey: 1", "contract.types", f"{COLUMN}[0].primaryKey"),
    ("[web, shop]", "[web, no]", "contract.types", f"{COLUMN}[3].quality[0].arguments.validValues[1]"),
    ("schema:\n  - name", "schema:\n  name", "contract.yaml", ""),
    # the standard, and what is held to
    ("v3.1.0", "v2.2.2", "contract.standard", "apiVersion"),
    ("v3.1.0", "v3.9.0", "contract.standard", "apiVersion"),
    ("kind: DataContract", "kind: Contract", "contract.standard", "kind"),
    ("metric: invalidValues", "metric: nullValues", "contract.held", f"{COLUMN}[3].quality[0]"),
    ("mustBe: 0", "mustBe: 1", "contract.held", f"{COLUMN}[3].quality[0].mustBe"),
    ("metric: rowCount", "metric: duplicateValues", "contract.held", "schema[0].quality[0]"),
    ("schema:\n", "schema:\n  - {name: two, properties: []}\n", "contract.held", "schema"),
    # identity
    ("id: orders", "id: ../orders", "contract.id", "id"),
    ("id: orders", "id: a/b", "contract.id", "id"),
    ("id: orders", "id: .orders", "contract.id", "id"),
    ("id: orders", "id: a..b", "contract.id", "id"),
    ("id: orders", "id: ''", "contract.id", "id"),
    ("version: 1.0.0", "version: v1", "contract.version", "version"),
    # columns
    ("name: gift,", "name: pieces,", "contract.names", f"{COLUMN}[5].name"),
    ("name: gift,", "name: ' ',", "contract.names", f"{COLUMN}[4].name"),
    ("name: gift,", 'name: "a\\tb",', "contract.names", f"{COLUMN}[4].name"),
    ("logicalType: boolean", "logicalType: array", "contract.kind", f"{COLUMN}[4].logicalType"),
    ("value: ms", "value: hours", "contract.precision", f"{COLUMN}[7].customProperties[0].value"),
    ("gift, logicalType: boolean", "gift, logicalType: boolean, customProperties: [{property: kind, value: id}]",
     "contract.kind", f"{COLUMN}[4].customProperties[0].value"),
    ("minimum: 0, max", "minimum: 91, max", "contract.range", f"{COLUMN}[1].logicalTypeOptions.minimum"),
    ("maximum: 90", "maximum: .inf", "contract.range", f"{COLUMN}[1].logicalTypeOptions.maximum"),
    ("minimum: 1}", "maximum: 9223372036854775808}", "contract.range", f"{COLUMN}[5].logicalTypeOptions.maximum"),
    ("minimum: 1}}", "minimum: 1}, customProperties: [{property: kind, value: category}]}", "contract.range",
     f"{COLUMN}[5].logicalTypeOptions.minimum"),
    ('"2020-01-01"', '"2020-13-01"', "contract.range", f"{COLUMN}[6].logicalTypeOptions.minimum"),
    ('00:00:00", defaultTimezone: Europe/London', '00:00:00+01:00"', "contract.range",
     f"{COLUMN}[7].logicalTypeOptions.maximum"),
    ("Europe/London", "Europe/Nowhere", "contract.timezone", f"{COLUMN}[7].logicalTypeOptions.defaultTimezone"),
    ("dd/MM/yyyy", "MM/yyyy", "contract.format", f"{COLUMN}[6].logicalTypeOptions.format"),
    ("dd/MM/yyyy", "qq/yyyy", "contract.format", f"{COLUMN}[6].logicalTypeOptions.format"),
    ("0.01", "0.05", "contract.precision", f"{COLUMN}[1].logicalTypeOptions.multipleOf"),
    ("0.01", "1.0e-16", "contract.precision", f"{COLUMN}[1].logicalTypeOptions.multipleOf"),
    ('"[a-z]+"', '"[a-z"', "contract.pattern", f"{COLUMN}[3].logicalTypeOptions.pattern"),
    ('"[a-z]+"', '"(?i)[a-z]+"', "contract.pattern", f"{COLUMN}[3].logicalTypeOptions.pattern"),
    ('"[a-z]+"', '"[[a-z]+"', "contract.pattern", f"{COLUMN}[3].logicalTypeOptions.pattern"),
    ("[web, shop]", "[web, SHOP]", "contract.values", f"{COLUMN}[3].quality[0].arguments.validValues"),
    ("[web, shop]", "[web, shop, web]", "contract.values", f"{COLUMN}[3].quality[0].arguments.validValues"),
    ("[web, shop]", "[]", "contract.values", f"{COLUMN}[3].quality[0].arguments.validValues"),
    ("primaryKey: true", "primaryKey: true, required: false", "contract.primary_key", f"{COLUMN}[0].required"),
    ("primaryKey: true", "primaryKey: true, unique: false", "contract.primary_key", f"{COLUMN}[0].unique"),
    # source
    ("type: local", "type: kafka", "contract.source", "servers[0].type"),
    ("format: csv", "format: xlsx", "contract.source", "servers[0].format"),
    ("path: orders.csv", "path: orders.csv\n    location: s3://a", "contract.source", "servers[0]"),
    ("path: orders.csv", "path: orders.csv\n    encoding: utf-99", "contract.source", "servers[0].encoding"),
    ('value: ";"', 'value: ";;"', "contract.source", "servers[0].customProperties[0].value"),
    ('["?"]', '["?", web]', "contract.source", "servers[0].customProperties[1].value"),
    # rules, gate and the rest
    ("[back,", "[refund,", "contract.rules", f"{RULE}[0].check"),
    ('[back, "<=", paid]', '[back, "<=", back]', "contract.rules", f"{RULE}[0].check"),
    ('[back, "<=", paid]', '[back, "<=", day]', "contract.rules", f"{RULE}[0].check"),
    ('[back, "<=", paid]', '[channel, "<=", order]', "contract.rules", f"{RULE}[0].check"),
    ('[back, "<=", paid]', '[back, "=<", paid]', "contract.rules", f"{RULE}[0].check"),
    ('[back, "<=", paid]', '[back, "<="]', "contract.rules", f"{RULE}[0].check"),
    ("name: gifts", "name: no_more_back", "contract.rules", f"{RULE}[1].name"),
    ("name: gifts", "name: table.rows", "contract.rules", f"{RULE}[1].name"),
    ("[channel, gift]", "[channel, paid]", "contract.rules", f"{RULE}[1].combination"),
    ("[shop, false]", "[shop, 0]", "contract.rules", f"{RULE}[1].allowed[1]"),
    ("[shop, false]", "[shop]", "contract.rules", f"{RULE}[1].allowed[1]"),
    ("[shop, false]", "[door, false]", "contract.rules", f"{RULE}[1].allowed[1]"),
    ("[shop, false]", "[web, true]", "contract.rules", f"{RULE}[1].allowed"),
    ("minimum: 0.9, because", "because", "contract.gate", GATE),
    ("minimum: 0.9", "minimum: 0.9, maximum: 0.8", "contract.gate", f"{GATE}.minimum"),
    ("because: below this it is seen", "because: ' '", "contract.gate", f"{GATE}.because"),
    ("value: channel", "value: chanel", "contract.target", "customProperties[1].value"),
    ("value: channel", "value: at", "contract.target", "customProperties[1].value"),
    ("value: 0.2", "value: 0", "contract.holdout", "customProperties[2].value"),
    ("value: 0.2", "value: 0.6", "contract.holdout", "customProperties[2].value"),
    ("OrEqualTo: 50", "OrEqualTo: 0", "contract.rows", "schema[0].quality[0].mustBeGreaterOrEqualTo"),
]  # fmt: skip


def refused(text):
    with pytest.raises(ContractError) as caught:
        loads(text, "orders.yaml")
    return caught.value


def test_the_contract_that_is_bitten_is_right():
    contract = loads(TEXT)

    assert loads(dump(contract)) == contract
    assert (contract["order"].kind, contract["order"].required, contract["order"].unique) == ("id", True, True)
    assert contract["day"].format == "%d/%m/%Y"


@pytest.mark.parametrize(("old", "new", "rule", "path"), BITES)
def test_one_mistake_is_told_by_rule_and_path(old, new, rule, path):
    text = TEXT.replace("\nversion", "\nstatus: active\nversion", 1)
    assert old in text
    error = refused(text.replace(old, new, 1))

    assert error.rule == RULES[rule]
    assert (error.failures[0].rule, error.exit_status) == (rule, 2)
    assert error.failures[0].detail.startswith(f"orders.yaml: {path}: " if path else "orders.yaml: ")
    assert str(error).startswith(f"{RULES[rule]}, however: orders.yaml: ")


def test_all_mistakes_are_told_at_once():
    error = refused(TEXT.replace("id: orders", "id: ../a").replace("[back,", "[refund,").replace("0.2", "2"))

    assert {failure.rule for failure in error.failures} == {"contract.id", "contract.rules", "contract.holdout"}


@pytest.mark.parametrize("kind", ["text"])
def test_the_kinds_to_come_are_refused_by_name(kind):
    text = TEXT.replace(
        "name: channel", f"name: channel\n        customProperties: [{{property: kind, value: {kind}}}]"
    )

    assert f"the kind {kind} comes later" in str(refused(text))


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        ("", "empty"),
        ("# nothing\n", "empty"),
        ("just words", "not a mapping"),
        ("- a\n- b\n", "not a mapping"),
        ("a: [1\nb: 2\n", "not YAML at line"),
        ("a: 1\n---\nb: 2\n", "2 documents"),
        ("id: a\nid: b\n", "a key given twice at line 1"),
        ("a: {b: 1, b: 2}\n", "a key given twice at line 1"),
        ("? [a]\n: 1\n", "a key given twice"),
        ("a: &x [1]\nb: *x\n", "an anchor or alias at line 1"),
        ("a: " + "[" * 100_000, "nested more than 40 deep"),
        ("a: !!python/object/apply:os.getcwd []\n", "not YAML"),
        ("a: \x00\n", "not YAML"),
        ("a: 2020-99-99\n", "not YAML"),
        ("a: " + "x" * MAXIMUM_BYTES, "more than 8,000,000 bytes"),
    ],
)
def test_what_is_no_yaml_document_is_refused(text, fact):
    assert fact in refused(text).fact


@pytest.mark.parametrize(
    ("content", "fact"),
    [(b"id: caf\xe9\n", "byte 7 is not UTF-8"), (b"PAR1\x00\x01\xff\xfe", "not UTF-8"), (b"", "empty")],
)
def test_a_file_of_other_bytes_is_refused(tmp_path, content, fact):
    file = tmp_path / "broken.yaml"
    file.write_bytes(content)

    with pytest.raises(ContractError, match=fact):
        load(file)


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    with pytest.raises(ContractError, match="No such file"):
        load(tmp_path / "none.yaml")
    with pytest.raises(ContractError, match="Is a directory"):
        load(tmp_path)


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(ContractError, match="one of the names adult"):
        find("adults")


def test_no_message_holds_a_value_of_a_data_file_given_by_mistake():
    for text in ("name,age\nAlice,41\n", '{"name": "Alice", "age": 41}', "Alice: [41\n", "- Alice\n- 41\n"):
        assert "41" not in str(refused(text))
    assert "Alice" not in str(refused('{"name": "Alice"}'))


def test_other_vendors_properties_and_peoples_words_are_left_alone():
    document = yaml.safe_load(TEXT)
    document["customProperties"].append({"property": "owner", "value": "x", "vendor": "atlan"})
    document["team"] = {"name": "shop", "members": [{"username": "ann"}]}

    assert loads(yaml.safe_dump(document)) == loads(TEXT)


def test_values_in_an_enum_are_told_where_they_stand():
    check = "quality: [{metric: invalidValues, mustBe: 0, arguments: {validValues: [web, shop]}}]"
    error = refused(TEXT.replace(check, "enum: [{value: web}, {value: SHOP}]"))

    assert error.failures[0].detail == f"orders.yaml: {COLUMN}[3].enum: 1 of 2 do not match the column's pattern"


def test_the_standards_schema_has_the_last_word():
    error = refused(TEXT.replace("version: 1.0.0", "version: 1.0.0\nteam: {nome: shop}"))

    assert (error.failures[0].rule, "team" in error.fact) == ("contract.standard", True)
