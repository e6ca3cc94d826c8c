// An OPC UA server that is not of open62541, for tests/faults/test_opcua_node.c.
//
//     node tests/opcua/server.js PACKAGES PORT DIR
//
// Its certificates are in DIR/pki; `andon` with the password `secret` may log in, and anybody may without a name.  Count
// rises by one every 20 ms, from the number in DIR/count; Fixed is 77.
'use strict';
const fs = require('fs');
const path = require('path');

const [packages, port, dir] = process.argv.slice(2);
const from = (name) => require(require.resolve(name, { paths: [path.resolve(packages)] }));
const { OPCUAServer } = from('node-opcua-server');
const { OPCUACertificateManager } = from('node-opcua-certificate-manager');
const { DataType } = from('node-opcua-variant');

async function main() {
    const server = new OPCUAServer({
        port: Number(port),
        hostname: '127.0.0.1',
        resourcePath: '/line',
        allowAnonymous: true,
        serverCertificateManager: new OPCUACertificateManager({
            rootFolder: path.join(dir, 'pki'),
            automaticallyAcceptUnknownCertificate: false,
        }),
        userManager: { isValidUser: (user, password) => user === 'andon' && password === 'secret' },
    });
    await server.initialize();
    const space = server.engine.addressSpace;
    const ns = space.registerNamespace('http://andon.test/line');
    const line = ns.addObject({ organizedBy: space.rootFolder.objects, browseName: 'Line' });
    const add = (name, dataType, value) =>
        ns.addVariable({ componentOf: line, nodeId: `s=${name}`, browseName: name, dataType, value: { dataType, value } });
    const kept = path.join(dir, 'count');
    let count = fs.existsSync(kept) ? Number(fs.readFileSync(kept, 'utf8')) : 0;
    const variable = add('Count', DataType.UInt32, count);
    add('Fixed', DataType.Int32, 77);
    await server.start();
    setInterval(() => {
        fs.writeFileSync(kept, String(++count));
        variable.setValueFromSource({ dataType: DataType.UInt32, value: count });
    }, 20);
}

main().catch((e) => {
    console.error(e);
    process.exit(1);
});
