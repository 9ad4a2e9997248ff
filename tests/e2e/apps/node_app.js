// A target by prom-client: a counter, a gauge, a histogram, a summary and what it tells of its process. Argument: the port.
const http = require('http');
const client = require('prom-client');

client.collectDefaultMetrics();
const turns = new client.Counter({name: 'turns_total', help: 'Turns.', labelNames: ['kind']});
const level = new client.Gauge({name: 'level_meters', help: 'A level.'});
const times = new client.Histogram({name: 'work_seconds', help: 'Work.', buckets: [0.1, 1, 10]});
const sizes = new client.Summary({name: 'size_bytes', help: 'Sizes.', percentiles: [0.5, 0.99]});
let i = 0;
setInterval(() => {
    turns.inc({kind: 'a"b'});
    level.set(4.25);
    times.observe(i++ % 3);
    sizes.observe(100);
}, 20);
http.createServer(async (request, response) => {
    response.setHeader('Content-Type', client.register.contentType);
    response.end(await client.register.metrics());
}).listen(Number(process.argv[2]), '127.0.0.1');
