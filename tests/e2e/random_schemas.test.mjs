// JSON Schemas by chance: `shimmy grammar` must judge instances of each as ajv does, which shares nothing with it, or
// refuse the schema with its path. The seed is fixed, so that every run asks the same.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import Ajv2020 from 'ajv/dist/2020.js';

const SCHEMAS = 800;
const INSTANCES = 12;
const REFUSED_SHARE_MAX = 0.05; // of schemas that have a valid instance
const ANSWER_BYTES_MAX = 1 << 26;

let seed = 20240229;
const random = () => {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
  return seed / 2 ** 32;
};
const below = (n) => Math.floor(random() * n);
const pick = (list) => list[below(list.length)];
const chance = (share) => random() < share;
const several = (most, make) => Array.from({ length: 1 + below(most) }, make);
const distinct = (list) => [...new Map(list.map((value) => [JSON.stringify(value), value])).values()];

const KEYS = ['a', 'b', 'ab', 'c', 'x y', 'é'];
const STRINGS = ['', 'a', 'b', 'ab', 'abc', 'a1', 'é😀', 'x y', 'aaaa'];
const NUMBERS = [0, 1, 2, 3, -1, 1.5, 2.5, 10, 100, -0.25, 1000, 7];
const PATTERNS = ['^a', 'b$', '^[a-c]+$', 'a|b', '^.{2}$', '\\d', '^(ab)*$', '^$', '[^a]'];
const TYPES = ['null', 'boolean', 'integer', 'number', 'string', 'array', 'object'];

function value(depth) {
  const makers = [
    () => null,
    () => chance(0.5),
    () => pick(NUMBERS),
    () => pick(STRINGS),
    () => several(3, () => value(depth - 1)),
    () => Object.fromEntries(several(3, () => [pick(KEYS), value(depth - 1)])),
    () => pick([[], {}]),
  ];
  return makers[below(depth > 0 ? makers.length : 4)]();
}

// Keywords with what may stand behind them; those of the second list hold schemas.
const PLAIN = {
  enum: () => distinct(several(4, () => value(1))),
  const: () => value(1),
  minimum: () => pick(NUMBERS),
  maximum: () => pick(NUMBERS),
  exclusiveMinimum: () => pick(NUMBERS),
  exclusiveMaximum: () => pick(NUMBERS),
  multipleOf: () => pick([1, 2, 3, 0.5, 0.25, 1.5, 7]),
  minLength: () => below(4),
  maxLength: () => below(5),
  pattern: () => pick(PATTERNS),
  minItems: () => below(3),
  maxItems: () => below(4),
  minProperties: () => below(3),
  maxProperties: () => below(4),
  required: () => distinct(several(2, () => pick(KEYS))),
  dependentRequired: () => ({ [pick(KEYS)]: [pick(KEYS)] }),
};
const NESTED = {
  properties: (depth) => Object.fromEntries(several(3, () => [pick(KEYS), schema(depth)])),
  patternProperties: (depth) => ({ [pick(['^a', 'b', '^.$'])]: schema(depth) }),
  additionalProperties: (depth) => !chance(0.5) && schema(depth),
  propertyNames: () => schema(0),
  items: (depth) => schema(depth),
  prefixItems: (depth) => several(2, () => schema(depth)),
  contains: (depth) => schema(depth),
  anyOf: (depth) => several(3, () => schema(depth)),
  oneOf: (depth) => several(3, () => schema(depth)),
  allOf: (depth) => several(2, () => schema(depth)),
  not: (depth) => schema(depth),
  if: (depth) => schema(depth),
  then: (depth) => schema(depth),
  else: (depth) => schema(depth),
  dependentSchemas: (depth) => ({ [pick(KEYS)]: schema(depth) }),
};

function schema(depth) {
  if (chance(0.05)) return chance(0.6);
  const out = {};
  if (chance(0.6)) out.type = chance(0.8) ? pick(TYPES) : distinct([pick(TYPES), pick(TYPES)]);
  for (let left = 1 + below(3); left > 0; left--) {
    const table = depth > 0 && chance(0.5) ? NESTED : PLAIN;
    const keyword = pick(Object.keys(table));
    out[keyword] = table[keyword](depth - 1);
  }
  // ajv 8 accepts [] for these two together.
  if (out.prefixItems && 'contains' in out) delete out.contains;
  return out;
}

// A value that has a chance to be valid.
function instance(of) {
  if (typeof of !== 'object' || chance(0.2)) return value(2);
  if ('const' in of) return of.const;
  if (of.enum) return pick(of.enum);
  for (const keyword of ['anyOf', 'oneOf', 'allOf']) if (of[keyword] && chance(0.5)) return instance(pick(of[keyword]));
  const type = pick([of.type ?? (of.properties || of.required ? 'object' : of.items || of.prefixItems ? 'array' : pick(TYPES))].flat());
  if (type === 'object') {
    const members = Object.entries(of.properties ?? {}).filter(() => chance(0.7)).map(([key, each]) => [key, instance(each)]);
    const lacking = (of.required ?? []).filter((key) => !members.some(([name]) => name === key) && chance(0.9));
    return Object.fromEntries([...members, ...lacking.map((key) => [key, instance(of.properties?.[key] ?? true)])]);
  }
  if (type === 'array') {
    const first = (of.prefixItems ?? []).filter(() => chance(0.8)).map(instance);
    return [...first, ...Array.from({ length: below(3) }, () => instance(of.items ?? of.contains ?? true))];
  }
  const makers = { null: () => null, boolean: () => chance(0.5), string: () => pick(STRINGS) };
  return (makers[type] ?? (() => pick(NUMBERS)))();
}

test('json schema: random schemas are judged as ajv judges them, or refused with their path', () => {
  const rows = Array.from({ length: SCHEMAS }, () => {
    const each = schema(2);
    return { schema: each, texts: Array.from({ length: INSTANCES }, () => JSON.stringify(instance(each))) };
  });
  const input = rows.map((row) => JSON.stringify(row)).join('\n') + '\n';
  const run = spawnSync(process.env.SHIMMY, ['grammar', '--jsonl'], { input, maxBuffer: ANSWER_BYTES_MAX });
  assert.equal(run.status, 0, String(run.stderr));
  const answers = String(run.stdout).trim().split('\n').map((line) => JSON.parse(line));
  assert.equal(answers.length, SCHEMAS);
  let refused = 0, valid = 0, invalid = 0;
  rows.forEach((row, i) => {
    const judge = new Ajv2020({ strict: false, logger: false, unevaluated: false }).compile(row.schema);
    const expected = row.texts.map((text) => judge(JSON.parse(text)));
    const { accepted, error } = answers[i];
    if (error) {
      assert.match(error, /^#/, JSON.stringify(row.schema));
      if (!expected.includes(true)) return;
      refused++;
      assert.doesNotMatch(error, /^#: no value satisfies/, JSON.stringify(row));
      return;
    }
    assert.deepEqual(accepted, expected, JSON.stringify(row));
    valid += expected.filter(Boolean).length;
    invalid += expected.filter((each) => !each).length;
  });
  assert.ok(refused <= REFUSED_SHARE_MAX * SCHEMAS, `${refused} schemas were refused`);
  assert.ok(valid > SCHEMAS && invalid > SCHEMAS, `${valid} valid and ${invalid} invalid instances`);
});
