// The npm client `@langchain/openai`, as people use it.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { AIMessage, HumanMessage, SystemMessage, ToolMessage } from '@langchain/core/messages';
import { ChatOpenAI, OpenAI as TextOpenAI, OpenAIEmbeddings } from '@langchain/openai';
import { MODEL, Shimmy } from './program.mjs';

let shimmy;
let options;
before(async () => {
  shimmy = await Shimmy.start(['--deterministic']);
  options = { model: MODEL, temperature: 0, maxRetries: 0, apiKey: 'any', configuration: { baseURL: `${shimmy.url}/v1` } };
});
after(() => shimmy.stop());

const messages = [new SystemMessage('Be kind.'), new HumanMessage('Hello!')];

test('langchain: a chat', async () => {
  const answer = await new ChatOpenAI({ ...options, maxTokens: 20 }).invoke(messages);
  assert.ok(answer.content.length > 0);
  assert.equal(answer.usage_metadata.total_tokens, answer.usage_metadata.input_tokens + answer.usage_metadata.output_tokens);
  assert.equal(answer.response_metadata.model_name, MODEL);
});

test('langchain: a streamed chat says the same, and its usage', async () => {
  const model = new ChatOpenAI({ ...options, maxTokens: 20, streamUsage: true });
  const whole = await model.invoke(messages);
  let streamed;
  for await (const chunk of await model.stream(messages)) streamed = streamed ? streamed.concat(chunk) : chunk;
  assert.equal(streamed.content, whole.content);
  assert.deepEqual(streamed.usage_metadata.output_tokens, whole.usage_metadata.output_tokens);
  assert.equal(streamed.response_metadata.finish_reason, whole.response_metadata.finish_reason);
});

test('langchain: several prompts, several choices, logprobs', async () => {
  const model = new ChatOpenAI({ ...options, maxTokens: 4, n: 2, logprobs: true, topLogprobs: 2 });
  const { generations } = await model.generate([messages, [new HumanMessage('Hi')]]);
  assert.deepEqual(generations.map((each) => each.length), [2, 2]);
  const { content } = generations[0][0].message.response_metadata.logprobs;
  assert.equal(content.length, 4);
  assert.equal(content[0].top_logprobs.length, 2);
});

test('langchain: a call and its result go back', async () => {
  const call = { id: 'c1', name: 'add', args: { a: 1, b: 1 } };
  const history = [new HumanMessage('1+1?'), new AIMessage({ content: '', tool_calls: [call] }), new ToolMessage({ content: '2', tool_call_id: 'c1' })];
  const answer = await new ChatOpenAI({ ...options, maxTokens: 5 }).invoke(history);
  assert.equal(answer.usage_metadata.output_tokens, 5);
});

test('langchain: a text completion, whole and streamed', async () => {
  const model = new TextOpenAI({ ...options, maxTokens: 6 });
  const whole = await model.invoke('Shimmy is');
  let streamed = '';
  for await (const piece of await model.stream('Shimmy is')) streamed += piece;
  assert.equal(streamed, whole);
  assert.ok(whole.length > 0);
});

test('langchain: an aborted stream ends', async () => {
  const controller = new AbortController();
  const model = new ChatOpenAI({ ...options, maxTokens: 900 });
  let chunks = 0;
  await assert.rejects(async () => {
    for await (const _ of await model.stream(messages, { signal: controller.signal })) {
      if (++chunks === 2) controller.abort();
    }
  });
  assert.ok(chunks < 50);
  assert.ok((await new ChatOpenAI({ ...options, maxTokens: 2 }).invoke(messages)).content);
});

test('langchain: errors keep their status and code', async () => {
  const rejects = (fields, status, code) =>
    assert.rejects(new ChatOpenAI({ ...options, ...fields }).invoke(messages), (error) => {
      assert.equal(error.status, status);
      assert.equal(error.code, code);
      return true;
    });
  await rejects({ model: 'gone' }, 404, 'model_not_found');
  await rejects({ temperature: 3 }, 400, 'invalid_value');
});

test('langchain: embeddings of documents and of a query', async () => {
  const embeddings = new OpenAIEmbeddings(options);
  const [first, second] = await embeddings.embedDocuments(['How do I start the server?', 'Paris is a city.']);
  const query = await embeddings.embedQuery('How do I start the server?');
  assert.ok(query.every((value, i) => Math.abs(value - first[i]) < 1e-6));
  assert.equal(second.length, first.length);
  assert.ok(Math.abs(Math.hypot(...second) - 1) < 1e-4);
});
