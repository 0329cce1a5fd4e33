// Runs graphs of the fetched package with the runtime that the package brings along
// (TensorFlow.js, processor only) and writes what they answer.
//
//   node record.mjs PACKAGE JOB
//
// JOB is a JSON file: [{graph, shape, element, input, outputs: [{tensor, file}]}]. Inputs and
// answers are files of little-endian 32-bit numbers; beside each answer lies FILE.shape.

import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const [packageDir, jobFile] = process.argv.slice(2);

// The package's bundle is made for browsers: without these it takes Node's own modules for granted,
// which it does not carry.
globalThis.window = globalThis;
globalThis.document = { createElement: () => ({ getContext: () => null }) };
// Node 18 takes a module for one by its name only.
const library = join(packageDir, 'dist/tfjs.mjs');
copyFileSync(join(packageDir, 'dist/tfjs.esm.js'), library);
const tf = await import(library);
await tf.setBackend('cpu');
await tf.ready();

const loaded = new Map();
const load = async (graph) => {
  const { modelTopology, weightsManifest } = JSON.parse(readFileSync(join(packageDir, graph)));
  const folder = join(packageDir, graph, '..');
  const shards = weightsManifest.flatMap((group) => group.paths);
  const bytes = Buffer.concat(shards.map((shard) => readFileSync(join(folder, shard))));
  const weightSpecs = weightsManifest.flatMap((group) => group.weights);
  const weightData = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
  return tf.loadGraphModel({ load: async () => ({ modelTopology, weightSpecs, weightData }) });
};

for (const { graph, shape, element, input, outputs } of JSON.parse(readFileSync(jobFile))) {
  if (!loaded.has(graph)) loaded.set(graph, await load(graph));
  const model = loaded.get(graph);
  const bytes = readFileSync(input);
  const numbers = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
  const values = element === 'i32' ? new Int32Array(numbers) : new Float32Array(numbers);
  const x = tf.tensor(values, shape, element === 'i32' ? 'int32' : 'float32');
  const names = outputs.map(({ tensor }) => tensor);
  const answers = model.execute({ [model.inputs[0].name]: x }, names);
  for (const [at, { file }] of outputs.entries()) {
    const answer = Array.isArray(answers) ? answers[at] : answers;
    writeFileSync(file, Buffer.from(Float32Array.from(await answer.data()).buffer));
    writeFileSync(`${file}.shape`, JSON.stringify(answer.shape));
  }
  tf.dispose([x, answers]);
}
