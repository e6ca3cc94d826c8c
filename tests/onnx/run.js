// Holds ONNX Runtime to our outputs:   node run.js PACKAGES FOLDER
// FOLDER has NAME.onnx, and NAME.x and NAME.y: inputs and outputs of some rows, float32, little-endian.
// An output may differ by 1e-4 of 1 or of itself, whichever is more.
'use strict';
const fs = require('fs');
const path = require('path');
const [packages, folder] = process.argv.slice(2);
const ort = require(require.resolve('onnxruntime-node', { paths: [path.resolve(packages)] }));

const BOUND = 1e-4;

function floats(file) {
    const bytes = fs.readFileSync(file);
    return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
}

async function check(name) {
    const base = path.join(folder, name);
    const dims = JSON.parse(fs.readFileSync(base + '.json'));
    const session = await ort.InferenceSession.create(base + '.onnx');
    const x = new ort.Tensor('float32', floats(base + '.x'), dims);
    const given = await session.run({ [session.inputNames[0]]: x });
    const y = given[session.outputNames[0]].data;
    const want = floats(base + '.y');
    if (y.length !== want.length) throw new Error(`${name}: ${y.length} outputs, not ${want.length}`);
    let worst = 0;
    for (let i = 0; i < y.length; i++) {
        const off = Math.abs(y[i] - want[i]) / Math.max(1, Math.abs(want[i]));
        if (!(off <= BOUND)) throw new Error(`${name}: output ${i} is ${y[i]}, ours ${want[i]}`);
        worst = Math.max(worst, off);
    }
    return worst;
}

async function main() {
    const names = fs.readdirSync(folder).filter((f) => f.endsWith('.onnx')).map((f) => f.slice(0, -5));
    if (names.length === 0) throw new Error('there is no file to check');
    let worst = 0;
    for (const name of names.sort()) {
        const off = await check(name);
        console.log(`${name.padEnd(24)} ${off.toExponential(1)}`);
        worst = Math.max(worst, off);
    }
    const { version } = JSON.parse(fs.readFileSync(path.join(packages, 'node_modules/onnxruntime-node/package.json')));
    console.log(`${names.length} models agree with ONNX Runtime ${version} within ${worst.toExponential(1)}`);
}

main().catch((error) => {
    console.error(String(error.message || error));
    process.exit(1);
});
