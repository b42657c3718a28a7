// Signatures both ways: the ledger's on a receipt, ours on an event. DSSE 1.0.2, Ed25519.

import { createHash, createPrivateKey, createPublicKey, sign, verify } from 'node:crypto'
import { readFileSync } from 'node:fs'

const RECEIPT = 'application/vnd.changqing.receipt+json'
const EVENT = 'https://cloudevents.io/verifiability/dsse/v0.1'
const CORE = ['id', 'source', 'specversion', 'type', 'datacontenttype', 'dataschema', 'subject', 'time']

// The ledger's public keys by name. Fetch them once over a connection that you trust, and keep them.
export async function ledgerKeys (url) {
  const answer = await fetch(`${url}/v1/keys`)
  if (!answer.ok) throw new Error(`the keys could not be had: ${answer.status}`)
  const { keys } = await answer.json()
  return new Map(keys.map(key => [key.kid, createPublicKey({ key, format: 'jwk' })]))
}

// The receipt that was signed, read out of the very bytes that were.
export function receiptOf (envelope, keys) {
  if (envelope.payloadType !== RECEIPT) throw new Error('this envelope holds no receipt')
  const body = Buffer.from(envelope.payload, 'base64')
  const signature = envelope.signatures.find(one => keys.has(one.keyid))
  if (!signature) throw new Error('no key of this name is known')
  const right = verify(null, pae(RECEIPT, body), keys.get(signature.keyid), Buffer.from(signature.sig, 'base64'))
  if (!right) throw new Error('the signature is not the ledger’s')
  return JSON.parse(body)
}

// The attribute `dssematerial` that signs an event: its core attributes and the bytes of its data.
// After CloudEvents' verifiability extension.
export function material (event, data, keyFile) {
  const key = createPrivateKey(readFileSync(keyFile))
  const parts = CORE.map(name => event[name] ?? '')
  if (event.time) parts[7] = new Date(event.time).toISOString().replace(/\.\d+Z$/, 'Z')
  const core = sha256(Buffer.concat([...parts, data].map(part => sha256(part)))).toString('base64')
  const payload = Buffer.from(JSON.stringify({ core }))
  const raw = Buffer.from(createPublicKey(key).export({ format: 'jwk' }).x, 'base64url')
  const signature = { keyid: sha256(raw).toString('hex').slice(0, 16), sig: sign(null, pae(EVENT, payload), key).toString('base64') }
  const envelope = { payload: payload.toString('base64'), payloadType: EVENT, signatures: [signature] }
  return Buffer.from(JSON.stringify(envelope)).toString('base64')
}

function sha256 (bytes) {
  return createHash('sha256').update(bytes).digest()
}

function pae (kind, body) {
  return Buffer.concat([Buffer.from(`DSSEv1 ${Buffer.byteLength(kind)} ${kind} ${body.length} `), body])
}
