// Tool calls and objects by a schema, through every client: the model is small and says what it is held to.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import Ajv2020 from 'ajv/dist/2020.js';
import OpenAI from 'openai';
import { ChatOpenAI } from '@langchain/openai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { generateText, jsonSchema, Output, streamText, tool } from 'ai';
import { MODEL, Shimmy, sseEvents } from './program.mjs';
import { ApiDescription } from './schemas.mjs';

let shimmy;
let api;
let client;
let model;
before(async () => {
  shimmy = await Shimmy.start(['--deterministic']);
  api = await ApiDescription.of(shimmy);
  client = new OpenAI({ baseURL: `${shimmy.url}/v1`, apiKey: 'any', maxRetries: 0 });
  model = createOpenAICompatible({ name: 'shimmy', baseURL: `${shimmy.url}/v1`, apiKey: 'any', supportsStructuredOutputs: true })(MODEL);
});
after(() => shimmy.stop());

const ajv = new Ajv2020({ strict: false });
const matches = (schema, text) => {
  const validate = ajv.compile(schema);
  assert.ok(validate(typeof text === 'string' ? JSON.parse(text) : text), `${JSON.stringify(text)}: ${ajv.errorsText(validate.errors)}`);
};
const closed = (properties) => ({ type: 'object', properties, required: Object.keys(properties), additionalProperties: false });
const functionOf = (name, parameters) => ({ type: 'function', function: { name, description: `Calls ${name}`, parameters, strict: true } });

const weather = closed({ city: { enum: ['Paris', 'Rome'] }, days: { type: 'integer', minimum: 1, maximum: 9 } });
const time = closed({ zone: { enum: ['CET', 'UTC'] } });
const tools = [functionOf('get_weather', weather), functionOf('get_time', time)];
const schemaOf = { get_weather: weather, get_time: time };
const ask = { model: MODEL, temperature: 0, messages: [{ role: 'user', content: 'What is the weather in Rome?' }] };

// ---- tools

test('openai: tool_choice required gives a call whose arguments obey the schema', async () => {
  const { choices } = await client.chat.completions.create({ ...ask, tools, tool_choice: 'required' });
  const [{ message, finish_reason: reason }] = choices;
  assert.equal(reason, 'tool_calls');
  assert.equal(message.content, null);
  for (const call of message.tool_calls) {
    assert.match(call.id, /^call_/);
    assert.equal(call.type, 'function');
    matches(schemaOf[call.function.name], call.function.arguments);
  }
});

test('openai: a named function is the one that is called', async () => {
  for (const name of ['get_weather', 'get_time']) {
    const choice = { type: 'function', function: { name } };
    const { choices } = await client.chat.completions.create({ ...ask, tools, tool_choice: choice });
    const [call] = choices[0].message.tool_calls;
    assert.equal(call.function.name, name);
    matches(schemaOf[name], call.function.arguments);
    assert.equal(choices[0].finish_reason, 'stop');
  }
});

test('openai: allowed_tools leaves the others out', async () => {
  const allowed = { mode: 'required', tools: [{ type: 'function', function: { name: 'get_time' } }] };
  const choice = { type: 'allowed_tools', allowed_tools: allowed };
  const { choices } = await client.chat.completions.create({ ...ask, tools, tool_choice: choice });
  for (const call of choices[0].message.tool_calls) assert.equal(call.function.name, 'get_time');
});

test('the deltas of a call: id, type and name first and once, index always, arguments in pieces', async () => {
  const events = await sseEvents(await shimmy.chat({ ...ask, tools, tool_choice: 'required', stream: true }));
  assert.equal(events.pop(), 'DONE');
  for (const event of events) api.check('ChatCompletionChunk', event);
  const calls = [];
  for (const { delta } of events.flatMap((event) => event.choices)) {
    for (const piece of delta.tool_calls ?? []) {
      assert.ok(Number.isInteger(piece.index));
      const { id, type } = piece;
      if (!calls[piece.index]) {
        assert.ok(id.startsWith('call_') && type === 'function' && piece.function.name in schemaOf);
        assert.equal(piece.function.arguments, '');
        calls[piece.index] = { name: piece.function.name, text: '', pieces: 0 };
      } else {
        assert.deepEqual(Object.keys(piece).sort(), ['function', 'index']);
        assert.deepEqual(Object.keys(piece.function), ['arguments']);
        calls[piece.index].pieces += 1;
      }
      calls[piece.index].text += piece.function.arguments;
    }
  }
  assert.ok(calls.length >= 1);
  for (const { name, text, pieces } of calls) {
    matches(schemaOf[name], text);
    assert.ok(pieces > 3, text);
  }
  assert.equal(events.at(-1).choices[0].finish_reason, 'tool_calls');
});

test('openai: the stream helper puts the call together, as the whole answer has it', async () => {
  const request = { ...ask, tools, tool_choice: 'required' };
  const whole = await client.chat.completions.create(request);
  const streamed = await client.chat.completions.stream(request).finalChatCompletion();
  const shape = (completion) => completion.choices[0].message.tool_calls.map((call) => [call.function.name, call.function.arguments]);
  assert.deepEqual(shape(streamed), shape(whole));
});

test('openai: a whole round: call, result, answer', async () => {
  const first = await client.chat.completions.create({ ...ask, tools, tool_choice: 'required' });
  const { message } = first.choices[0];
  const results = message.tool_calls.map((call) => ({ role: 'tool', tool_call_id: call.id, content: 'sunny' }));
  const second = await client.chat.completions.create({ ...ask, tools, tool_choice: 'none', max_tokens: 10, messages: [...ask.messages, message, ...results] });
  assert.ok(second.choices[0].message.content.length > 0);
});

test('langchain: a bound tool is called, whole and streamed', async () => {
  const chat = new ChatOpenAI({ model: MODEL, temperature: 0, maxRetries: 0, apiKey: 'any', configuration: { baseURL: `${shimmy.url}/v1` } });
  const bound = chat.bindTools(tools, { tool_choice: 'required' });
  const { tool_calls: calls } = await bound.invoke('What is the weather in Rome?');
  assert.ok(calls.length >= 1);
  for (const { name, args } of calls) matches(schemaOf[name], args);
  let streamed;
  for await (const chunk of await bound.stream('What is the weather in Rome?')) streamed = streamed ? streamed.concat(chunk) : chunk;
  assert.deepEqual(streamed.tool_calls.map(({ name, args }) => [name, args]), calls.map(({ name, args }) => [name, args]));
});

test('ai: a tool is called and run, whole and streamed', async () => {
  const run = [];
  const set = { get_weather: tool({ description: 'The weather', inputSchema: jsonSchema(weather), execute: async (input) => run.push(input) }) };
  const request = { model, temperature: 0, maxRetries: 0, prompt: 'What is the weather in Rome?', tools: set, toolChoice: 'required' };
  const { toolCalls, finishReason } = await generateText(request);
  assert.equal(toolCalls[0].toolName, 'get_weather');
  matches(weather, toolCalls[0].input);
  assert.deepEqual(run[0], toolCalls[0].input);
  assert.equal(finishReason, 'tool-calls');
  const parts = [];
  for await (const part of streamText(request).fullStream) parts.push(part);
  assert.ok(parts.some((part) => part.type === 'tool-input-delta'));
  assert.deepEqual(parts.find((part) => part.type === 'tool-call').input, toolCalls[0].input);
});

// ---- schemas

const person = closed({
  name: { type: 'string', maxLength: 12 },
  age: { type: 'integer', minimum: 0, maximum: 120 },
  tags: { type: 'array', items: { enum: ['old', 'young'] }, minItems: 1, maxItems: 2 },
  home: closed({ city: { const: 'Rome' }, zip: { type: 'string', pattern: '^[0-9]{5}$' } }),
  note: { anyOf: [{ type: 'null' }, { type: 'boolean' }] },
});
const format = (schema) => ({ type: 'json_schema', json_schema: { name: 'answer', strict: true, schema } });

test('openai: json_schema is obeyed, whole and streamed, at any temperature', async () => {
  for (const temperature of [0, 1, 2]) {
    const request = { ...ask, temperature, seed: 3, response_format: format(person) };
    const { choices } = await client.chat.completions.create(request);
    assert.equal(choices[0].finish_reason, 'stop');
    matches(person, choices[0].message.content);
    assert.deepEqual(Object.keys(JSON.parse(choices[0].message.content)), Object.keys(person.properties));
    let text = '';
    for await (const chunk of await client.chat.completions.create({ ...request, stream: true })) text += chunk.choices[0].delta.content ?? '';
    assert.equal(text, choices[0].message.content);
  }
});

test('langchain: withStructuredOutput gives the object', async () => {
  const chat = new ChatOpenAI({ model: MODEL, temperature: 0, maxRetries: 0, apiKey: 'any', configuration: { baseURL: `${shimmy.url}/v1` } });
  for (const method of ['jsonSchema', 'functionCalling']) {
    matches(person, await chat.withStructuredOutput({ title: 'person', ...person }, { method, name: 'person', strict: true }).invoke('A person'));
  }
});

test('ai: an object by its schema, whole and streamed', async () => {
  const request = { model, temperature: 0, maxRetries: 0, prompt: 'A person', output: Output.object({ schema: jsonSchema(person) }) };
  const whole = await generateText(request);
  matches(person, whole.output);
  const stream = streamText(request);
  let text = '';
  for await (const piece of stream.textStream) text += piece;
  matches(person, text);
  assert.deepEqual(await stream.output, whole.output);
});
