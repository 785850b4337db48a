// The npm packages `ai` and `@ai-sdk/openai-compatible`, as people use them.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { APICallError, embedMany, generateText, streamText } from 'ai';
import { MODEL, Shimmy } from './program.mjs';

let shimmy;
let provider;
let model;
before(async () => {
  shimmy = await Shimmy.start(['--deterministic']);
  provider = createOpenAICompatible({ name: 'shimmy', baseURL: `${shimmy.url}/v1`, apiKey: 'any', includeUsage: true, supportsStructuredOutputs: true });
  model = provider(MODEL);
});
after(() => shimmy.stop());

const request = { temperature: 0, maxOutputTokens: 20, maxRetries: 0, prompt: 'Hello!' };

test('ai: a text', async () => {
  const { text, usage, finishReason, response } = await generateText({ model, ...request, instructions: 'Be kind.' });
  assert.ok(text.length > 0);
  assert.equal(usage.totalTokens, usage.inputTokens + usage.outputTokens);
  assert.ok(['stop', 'length'].includes(finishReason));
  assert.match(response.id, /^chatcmpl-/);
});

test('ai: a streamed text says the same, and its usage', async () => {
  const whole = await generateText({ model, ...request });
  const stream = streamText({ model, ...request });
  let text = '';
  for await (const piece of stream.textStream) text += piece;
  assert.equal(text, whole.text);
  assert.equal((await stream.usage).outputTokens, whole.usage.outputTokens);
  assert.equal(await stream.finishReason, whole.finishReason);
});

test('ai: a text completion', async () => {
  const { text } = await generateText({ model: provider.completionModel(MODEL), ...request, prompt: 'Shimmy is' });
  assert.ok(text.length > 0);
});

test('ai: an aborted stream ends', async () => {
  const controller = new AbortController();
  const stream = streamText({ model, ...request, maxOutputTokens: 900, abortSignal: controller.signal });
  let aborted = false;
  let pieces = 0;
  for await (const part of stream.fullStream) {
    if (part.type === 'text-delta' && ++pieces === 2) controller.abort();
    if (part.type === 'abort') aborted = true;
  }
  assert.ok(aborted);
  assert.ok((await generateText({ model, ...request })).text);
});

test('ai: errors are APICallError with the server’s words', async () => {
  const rejects = (fields, status, words) =>
    assert.rejects(generateText({ model, ...request, ...fields }), (error) => {
      assert.ok(APICallError.isInstance(error), `${error}`);
      assert.equal(error.statusCode, status);
      assert.match(error.message, words);
      assert.equal(error.isRetryable, false);
      return true;
    });
  await rejects({ model: provider('gone') }, 404, /'gone' does not exist/);
  await rejects({ temperature: 3 }, 400, /temperature/);
  await rejects({ prompt: 'word '.repeat(4000) }, 400, /1,024 tokens/);
});

test('ai: embeddings of many texts', async () => {
  const { embeddings, usage } = await embedMany({ model: provider.embeddingModel(MODEL), values: ['One', 'Two'], maxRetries: 0 });
  assert.equal(embeddings.length, 2);
  assert.ok(embeddings.every((vector) => Math.abs(Math.hypot(...vector) - 1) < 1e-4));
  assert.ok(usage.tokens > 0);
});
