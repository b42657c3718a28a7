// A token for the account of CHANGQING_ACCOUNT=name:secret (OAuth 2.0 client credentials). It is good for ten minutes.

// The header of a request, or what was answered instead. A program that runs for long asks again before `expires_in` seconds are over.
export async function authorization () {
  const basic = 'Basic ' + Buffer.from(process.env.CHANGQING_ACCOUNT).toString('base64')
  const answer = await fetch(process.env.CHANGQING_URL + '/oauth/token', {
    method: 'POST', headers: { authorization: basic }, body: new URLSearchParams({ grant_type: 'client_credentials' })
  })
  const told = await answer.json()
  return answer.ok ? { header: 'Bearer ' + told.access_token } : { refused: told }
}
