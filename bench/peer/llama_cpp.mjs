// One turn of llama.cpp on the CPU: how fast it reads a prompt and writes an answer, in tokens per second, as one
// line of JSON. Tokens are random and nothing is sampled. Called by bench/compare.py.
//
//   node llama_cpp.mjs MODEL.gguf PROMPT_TOKENS DECODE_TOKENS THREADS
import { getLlama, LlamaLogLevel } from 'node-llama-cpp';

const [modelPath, ...numbers] = process.argv.slice(2);
const [promptTokens, decodeTokens, threads] = numbers.map(Number);

const llama = await getLlama({ gpu: false, build: 'never', logLevel: LlamaLogLevel.error, maxThreads: threads });
const model = await llama.loadModel({ modelPath, gpuLayers: 0 });
const context = await model.createContext({ contextSize: promptTokens + decodeTokens + 32, batchSize: 2048, threads });
const sequence = context.getSequence();
const tokenCount = model.fileInfo.metadata.tokenizer.ggml.tokens.length;

const randomToken = () => 3 + Math.floor(Math.random() * (Math.min(tokenCount, 1000) - 3));

async function rate(tokens, work) {
    const begin = performance.now();
    await work();
    return (tokens * 1000) / (performance.now() - begin);
}

async function turn() {
    await sequence.clearHistory();
    const prompt = Array.from({ length: promptTokens }, randomToken);
    const prefill_tps = await rate(promptTokens, () => sequence.evaluateWithoutGeneratingNewTokens(prompt));
    const decode_tps = await rate(decodeTokens, async () => {
        for (let i = 0; i < decodeTokens; ++i) await sequence.evaluateWithoutGeneratingNewTokens([randomToken()]);
    });
    return { prefill_tps, decode_tps };
}

await turn(); // warms up
console.log(JSON.stringify(await turn()));
process.exit(0);
