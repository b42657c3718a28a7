// Take alerts as they come: node consume.js http|kafka PLACE [COUNT]. Prints each once, as one line of JSON.
//
// Wants CHANGQING_URL and CHANGQING_ACCOUNT for HTTP, KAFKA_BOOTSTRAP for Kafka, as publish.js. PLACE is a file that remembers
// how far we are; the same command goes on from there. Ends after COUNT alerts, or never.

import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { CloudEvent, Kafka } from 'cloudevents'
import { Consumer } from '@platformatic/kafka'
import { headersOf, settings } from './bus.js'
import { authorization } from './token.js'

const SILENT_SECONDS = 45 // the ledger says something every 15 s: whoever hears nothing for so long has no connection
const [way, place, count = Infinity] = process.argv.slice(2)
const taken = existsSync(place) ? JSON.parse(readFileSync(place, 'utf8')) : {}
let left = Number(count)
await (way === 'http' ? overHttp() : overKafka())

function take (event, where) {
  console.log(event.toString())
  taken[where] = Number(event.id)
  // Yours belongs into the same transaction as what you do with the alert; a crash between the two repeats one.
  writeFileSync(place + '.part', JSON.stringify(taken))
  renameSync(place + '.part', place)
  left -= 1
}

// Server-sent events. A connection that breaks is made again from the last id, so nothing is missed or comes twice.
async function overHttp () {
  while (left > 0) {
    for await (const line of oneConnection()) {
      if (line.startsWith('data:')) take(new CloudEvent(JSON.parse(line.slice(5))), 'http')
      if (left <= 0) return
    }
    await pause(1000)
  }
}

// The lines of one connection, until it breaks.
async function * oneConnection () {
  const silent = new AbortController()
  const timer = setTimeout(() => silent.abort(), SILENT_SECONDS * 1000)
  try {
    const { header, refused } = await authorization()
    if (refused) throw new Error(`refused: ${refused.error}`)
    const answer = await fetch(process.env.CHANGQING_URL + '/v1/alerts/stream', {
      headers: { authorization: header, 'last-event-id': String(taken.http ?? 0) }, signal: silent.signal
    })
    if (!answer.ok) throw new Error(`refused: ${answer.status}`)
    let rest = ''
    for await (const part of answer.body.pipeThrough(new TextDecoderStream())) {
      timer.refresh()
      const lines = (rest + part).split('\n')
      rest = lines.pop()
      yield * lines
    }
  } catch (error) {
    if (!(error instanceof TypeError) && !silent.signal.aborted) throw error // fetch's own for what the network does
    console.error(`the connection broke: ${error.cause ?? error}`)
  } finally {
    clearTimeout(timer)
  }
}

// The agency's topic. Kafka brings each at least once; an id is a position of the log and rises within a partition.
async function overKafka () {
  const consumer = new Consumer({ ...settings(), groupId: 'social-insurance.sample-javascript' })
  const stream = await consumer.consume({ topics: ['alerts.pension'], mode: 'committed', fallbackMode: 'earliest', autocommit: false })
  for await (const message of stream) {
    const event = Kafka.toEvent({ headers: headersOf(message), key: message.key, value: message.value })
    if (Number(event.id) > (taken[message.partition] ?? 0)) take(event, message.partition)
    await message.commit()
    if (left <= 0) break
  }
  await consumer.close(true)
}
