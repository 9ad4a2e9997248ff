// remote_write.ts - samples of the past, sent as a remote write: protobuf in literal-only snappy.

export interface Sent { labels: Record<string, string>; samples: [number, number][] } // milliseconds, value

function varint(value: number): number[] {
  const bytes: number[] = [];
  while (value >= 0x80) {
    bytes.push((value % 0x80) | 0x80);
    value = Math.floor(value / 0x80);
  }
  return [...bytes, value];
}

const field = (number: number, body: Buffer): Buffer => Buffer.concat([Buffer.from([(number << 3) | 2, ...varint(body.length)]), body]);

function sampleOf([time, value]: [number, number]): Buffer {
  const number = Buffer.alloc(9);
  number[0] = (1 << 3) | 1;
  number.writeDoubleLE(value, 1);
  return Buffer.concat([number, Buffer.from([2 << 3, ...varint(time)])]);
}

function seriesOf({ labels, samples }: Sent): Buffer {
  const pairs = Object.keys(labels).sort().map((name) =>
    field(1, Buffer.concat([field(1, Buffer.from(name)), field(2, Buffer.from(labels[name]!))])));
  return Buffer.concat([...pairs, ...samples.map((sample) => field(2, sampleOf(sample)))]);
}

function snappy(body: Buffer): Buffer {
  const pieces: Buffer[] = [Buffer.from(varint(body.length))];
  for (let at = 0; at < body.length; at += 65536) {
    const piece = body.subarray(at, at + 65536);
    pieces.push(Buffer.from([61 << 2, (piece.length - 1) & 0xff, (piece.length - 1) >> 8]), piece);
  }
  return Buffer.concat(pieces);
}

export async function send(base: string, series: Sent[]): Promise<void> {
  const response = await fetch(`${base}/api/v1/write`, {
    method: "POST", body: snappy(Buffer.concat(series.map((one) => field(1, seriesOf(one))))),
    headers: { "Content-Type": "application/x-protobuf", "Content-Encoding": "snappy", "X-Prometheus-Remote-Write-Version": "0.1.0" },
  });
  if (response.status >= 300) throw new Error(`remote write: ${response.status} ${await response.text()}`);
}
