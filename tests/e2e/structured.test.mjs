// Answers that are held to a schema or a grammar, and calls that are demanded, through the client that people use; each
// answer is checked by ajv, which shares nothing with the server.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import Ajv2020 from 'ajv/dist/2020.js';
import OpenAI from 'openai';
import { MODEL, Shimmy } from './program.mjs';

let shimmy, client;
before(async () => {
  shimmy = await Shimmy.start();
  client = new OpenAI({ baseURL: `${shimmy.url}/v1`, apiKey: 'none', maxRetries: 0 });
});
after(() => shimmy.stop());

const ajv = new Ajv2020({ strict: false });
const messages = [{ role: 'user', content: 'What is Shimmy?' }];
const ask = (fields) => client.chat.completions.create({ model: MODEL, messages, temperature: 1, max_tokens: 700, ...fields });
const valid = (schema, text) => assert.ok(ajv.validate(schema, JSON.parse(text)), `${text}: ${ajv.errorsText()}`);

const person = {
  type: 'object',
  properties: {
    name: { type: 'string', minLength: 1, maxLength: 12 },
    age: { type: 'integer', minimum: 0, maximum: 120 },
    kind: { enum: ['cat', 'dog', null] },
    friends: { type: 'array', items: { $ref: '#/$defs/word' }, maxItems: 3 },
  },
  $defs: { word: { type: 'string', pattern: '^[a-z]{1,8}$' } },
  required: ['name', 'age', 'kind', 'friends'],
  additionalProperties: false,
};

test('response_format: each answer is JSON of the schema, whole and streamed', async () => {
  const response_format = { type: 'json_schema', json_schema: { name: 'person', strict: true, schema: person } };
  const answer = await ask({ response_format, n: 8, max_tokens: 800 });
  const whole = answer.choices.filter((choice) => choice.finish_reason === 'stop');
  assert.ok(whole.length >= 4);
  for (const { message } of whole) valid(person, message.content);
  const seed = { seed: 3, temperature: 0.5, max_tokens: 800, response_format };
  const plain = (await ask(seed)).choices[0];
  let text = '';
  for await (const chunk of await ask({ ...seed, stream: true })) text += chunk.choices[0]?.delta?.content ?? '';
  assert.equal(text, plain.message.content);
  if (plain.finish_reason === 'stop') valid(person, text);
  const object = await ask({ response_format: { type: 'json_object' }, temperature: 0 });
  assert.equal(object.choices[0].message.content[0], '{');
  const free = await ask({ response_format: { type: 'text' }, max_tokens: 8 });
  assert.equal(free.choices.length, 1);
});

test('response_format: what cannot be promised is a 400 with the path and the keyword', async () => {
  const schema = { type: 'object', properties: { a: { type: 'string', format: 'regex' } } };
  const refused = ask({ response_format: { type: 'json_schema', json_schema: { name: 'x', schema } } });
  await assert.rejects(refused, (error) => {
    assert.ok(error instanceof OpenAI.BadRequestError);
    assert.deepEqual([error.code, error.param], ['invalid_json_schema', 'response_format']);
    assert.match(error.message, /#\/properties\/a.*format/);
    return true;
  });
});

test('grammar, json_schema and guided_*: the answer is a text of each', async () => {
  const cases = [
    [{ grammar: 'root ::= "a"{1,5} "b"' }, /^a{1,5}b$/],
    [{ guided_grammar: 'root ::= "yes" | "no"' }, /^(yes|no)$/],
    [{ guided_regex: '[0-9]{2}-[a-f]{3}' }, /^[0-9]{2}-[a-f]{3}$/],
    [{ guided_choice: ['red', 'green'] }, /^(red|green)$/],
  ];
  for (const [fields, pattern] of cases) assert.match((await ask(fields)).choices[0].message.content, pattern);
  for (const [name, schema] of [['guided_json', { type: 'integer', minimum: 5, maximum: 7 }], ['json_schema', { const: 'x' }]]) {
    valid(schema, (await ask({ [name]: schema })).choices[0].message.content);
  }
  await assert.rejects(ask({ grammar: 'root ::= other' }), { status: 400, code: 'invalid_grammar', param: 'grammar' });
});

const tools = ['weather', 'person'].map((name) => ({
  type: 'function',
  function: { name, description: name, parameters: name === 'person' ? person : { type: 'object', properties: {}, additionalProperties: false } },
}));

test('tool_choice: a demanded call is made, with arguments of its schema', async () => {
  for (const tool_choice of [
    'required',
    { type: 'function', function: { name: 'person' } },
    { type: 'allowed_tools', allowed_tools: { mode: 'required', tools: [{ type: 'function', function: { name: 'person' } }] } },
  ]) {
    const { message, finish_reason: reason } = (await ask({ tools, tool_choice, temperature: 0.5 })).choices[0];
    assert.ok(message.tool_calls.length >= 1);
    if (reason === 'length') continue;
    for (const { function: call } of message.tool_calls) {
      assert.ok(tool_choice === 'required' || call.name === 'person');
      valid(tools.find((tool) => tool.function.name === call.name).function.parameters, call.arguments);
    }
  }
});

test('parallel_tool_calls: false is one call at most', async () => {
  const { message } = (await ask({ tools, tool_choice: 'required', parallel_tool_calls: false })).choices[0];
  assert.equal(message.tool_calls.length, 1);
});
