// Package bus tells how to reach Kafka, from the environment: in the clear, or with TLS and a password.
package bus

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

// Client is a client of Kafka with these options beside those of the environment.
func Client(options ...kgo.Opt) (*kgo.Client, error) {
	options = append(options, kgo.SeedBrokers(strings.Split(os.Getenv("KAFKA_BOOTSTRAP"), ",")...))
	if user := os.Getenv("KAFKA_USER"); user != "" {
		pem, err := os.ReadFile(os.Getenv("KAFKA_CA"))
		if err != nil {
			return nil, err
		}
		authority := x509.NewCertPool()
		if !authority.AppendCertsFromPEM(pem) {
			return nil, errors.New("KAFKA_CA names no certificate")
		}
		login := scram.Auth{User: user, Pass: os.Getenv("KAFKA_PASSWORD")}
		options = append(options, kgo.DialTLSConfig(&tls.Config{RootCAs: authority}), kgo.SASL(login.AsSha512Mechanism()))
	}
	return kgo.NewClient(options...)
}
