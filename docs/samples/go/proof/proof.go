// Package proof checks the ledger's signature on a receipt and makes ours on an event. DSSE 1.0.2, Ed25519.
package proof

import (
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
)

const (
	receiptType = "application/vnd.changqing.receipt+json"
	eventType   = "https://cloudevents.io/verifiability/dsse/v0.1"
)

// Envelope is a DSSE envelope.
type Envelope struct {
	Payload     string      `json:"payload"`
	PayloadType string      `json:"payloadType"`
	Signatures  []Signature `json:"signatures"`
}

// Signature is one signature of an envelope.
type Signature struct {
	KeyID string `json:"keyid"`
	Sig   string `json:"sig"`
}

// Receipt is what we look at of a receipt. Source and ID are nil when they could not be repeated.
type Receipt struct {
	Source *string `json:"source"`
	ID     *string `json:"id"`
	Status string  `json:"status"`
}

// LedgerKeys are the ledger's public keys by name. Fetch them once over a connection that you trust, and keep them.
func LedgerKeys(url string) (map[string]ed25519.PublicKey, error) {
	answer, err := http.Get(url + "/v1/keys")
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	var set struct {
		Keys []struct {
			Kid string `json:"kid"`
			X   string `json:"x"`
		} `json:"keys"`
	}
	if err := json.NewDecoder(answer.Body).Decode(&set); err != nil {
		return nil, err
	}
	keys := map[string]ed25519.PublicKey{}
	for _, key := range set.Keys {
		raw, err := base64.RawURLEncoding.DecodeString(key.X)
		if err != nil || len(raw) != ed25519.PublicKeySize {
			return nil, fmt.Errorf("key %s is none", key.Kid)
		}
		keys[key.Kid] = raw
	}
	return keys, nil
}

// ReceiptOf gives the bytes of the receipt that was signed: no others count.
func ReceiptOf(envelope Envelope, keys map[string]ed25519.PublicKey) ([]byte, error) {
	if envelope.PayloadType != receiptType {
		return nil, errors.New("this envelope holds no receipt")
	}
	body, err := base64.StdEncoding.DecodeString(envelope.Payload)
	if err != nil {
		return nil, err
	}
	for _, one := range envelope.Signatures {
		signature, err := base64.StdEncoding.DecodeString(one.Sig)
		if key, known := keys[one.KeyID]; known && err == nil && ed25519.Verify(key, pae(receiptType, body), signature) {
			return body, nil
		}
	}
	return nil, errors.New("no known key signed this receipt")
}

// Material is the attribute dssematerial that signs an event: its core attributes and the bytes of its data.
// After CloudEvents' verifiability extension.
func Material(e event.Event, keyFile string) (string, error) {
	key, err := signingKey(keyFile)
	if err != nil {
		return "", err
	}
	moment := ""
	if !e.Time().IsZero() {
		moment = e.Time().UTC().Truncate(time.Second).Format(time.RFC3339)
	}
	var digests []byte
	for _, part := range []string{
		e.ID(), e.Source(), e.SpecVersion(), e.Type(), e.DataContentType(), e.DataSchema(), e.Subject(), moment, string(e.Data()),
	} {
		digest := sha256.Sum256([]byte(part))
		digests = append(digests, digest[:]...)
	}
	core := sha256.Sum256(digests)
	payload, err := json.Marshal(map[string][]byte{"core": core[:]}) // bytes are written as base64
	if err != nil {
		return "", err
	}
	name := sha256.Sum256(key.Public().(ed25519.PublicKey))
	envelope, err := json.Marshal(Envelope{
		Payload:     base64.StdEncoding.EncodeToString(payload),
		PayloadType: eventType,
		Signatures: []Signature{{
			KeyID: hex.EncodeToString(name[:8]),
			Sig:   base64.StdEncoding.EncodeToString(ed25519.Sign(key, pae(eventType, payload))),
		}},
	})
	return base64.StdEncoding.EncodeToString(envelope), err
}

func signingKey(file string) (ed25519.PrivateKey, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New(file + " is no PEM file")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	key, right := parsed.(ed25519.PrivateKey)
	if !right {
		return nil, errors.New(file + " holds no Ed25519 key")
	}
	return key, nil
}

func pae(kind string, body []byte) []byte {
	return fmt.Appendf(nil, "DSSEv1 %d %s %d %s", len(kind), kind, len(body), body)
}
