// Publish one life event and wait for its receipt: node publish.js http|kafka EVENT.json [--dry-run]
//
// Wants CHANGQING_URL, and CHANGQING_ACCOUNT=name:secret for HTTP; KAFKA_BOOTSTRAP for Kafka (KAFKA_USER, KAFKA_PASSWORD and
// KAFKA_CA of a secured one). SIGNING_KEY, a PEM file, signs the event. Prints the receipt; ends with 0 when the fact is on
// disk, with 3 when it was refused, with 1 when no answer came: then do it again, nothing is ever taken twice.

import { readFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { CloudEvent, HTTP, Kafka } from 'cloudevents'
import { Consumer, Producer, stringSerializers } from '@platformatic/kafka'
import { settings } from './bus.js'
import { ledgerKeys, material, receiptOf } from './proof.js'
import { authorization } from './token.js'

const SECONDS = 60
const [way, file, ...options] = process.argv.slice(2)
process.exitCode = await main()

async function main () {
  const event = signed(new CloudEvent(JSON.parse(readFileSync(file, 'utf8'))))
  if (options.includes('--dry-run')) {
    const { headers, body } = HTTP.binary(event)
    console.log(JSON.stringify({ headers, body: Buffer.from(body).toString('base64') }))
    return 0
  }
  const answer = way === 'http' ? await overHttp(event) : await overKafka(event)
  if (!answer.proof) { // whoever may not publish at all gets no receipt
    console.log(JSON.stringify(answer))
    return 1
  }
  const receipt = receiptOf(answer.proof, await ledgerKeys(process.env.CHANGQING_URL))
  if (receipt.id !== null && (receipt.source !== event.source || receipt.id !== event.id)) throw new Error('another’s receipt')
  console.log(JSON.stringify(receipt))
  return receipt.status === 'refused' ? 3 : 0
}

// Binary mode: the data stays the very bytes that were signed.
function signed (event) {
  if (!process.env.SIGNING_KEY) return event
  return event.cloneWith({ dssematerial: material(event, HTTP.binary(event).body, process.env.SIGNING_KEY) })
}

async function overHttp (event) {
  const { headers, body } = HTTP.binary(event)
  const token = await authorization()
  if (token.refused) return token.refused
  const answer = await fetch(process.env.CHANGQING_URL + '/v1/events', {
    method: 'POST', headers: { ...headers, authorization: token.header }, body, signal: AbortSignal.timeout(SECONDS * 1000)
  })
  return answer.json()
}

// To the department's topic; the receipt comes on its own. Listen first, so that it cannot be missed.
async function overKafka (event) {
  const department = event.source.split('/')[1]
  const topic = `receipts.${department}`
  const receipts = new Consumer({ ...settings(), groupId: `${department}.sample-${process.pid}` })
  const producer = new Producer({ ...settings(), acks: -1, idempotent: true, serializers: stringSerializers })
  try {
    const ends = (await receipts.listOffsets({ topics: [topic] })).get(topic)
    const offsets = ends.map((offset, partition) => ({ topic, partition, offset }))
    const stream = await receipts.consume({ topics: [topic], mode: 'manual', offsets, autocommit: false })
    const { headers } = Kafka.binary(event)
    const texts = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]))
    // What orders the events of one person: a pseudonym of your own, never an identity number.
    const key = event.partitionkey ?? event.id
    await producer.send({
      messages: [{ topic: `intake.${department}`, key, value: HTTP.binary(event).body, headers: texts }]
    })
    return await Promise.race([receiptFrom(stream, event), tooLate()])
  } finally {
    await producer.close()
    await receipts.close(true)
  }
}

async function receiptFrom (stream, event) {
  for await (const message of stream) {
    const { data } = JSON.parse(message.value)
    if (data.source === event.source && data.id === event.id) return data
  }
}

async function tooLate () {
  await pause(SECONDS * 1000, undefined, { ref: false })
  throw new Error('no receipt came')
}
