// Publish one life event and wait for its receipt: publish http|kafka EVENT.json [--dry-run]
//
// Wants CHANGQING_URL, and CHANGQING_ACCOUNT=name:secret for HTTP; KAFKA_BOOTSTRAP for Kafka (KAFKA_USER, KAFKA_PASSWORD and
// KAFKA_CA of a secured one). SIGNING_KEY, a PEM file, signs the event. Prints the receipt; ends with 0 when the fact is on
// disk, with 3 when it was refused, with 1 when no answer came: then do it again, nothing is ever taken twice.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	cehttp "github.com/cloudevents/sdk-go/v2/protocol/http"
	"github.com/cloudevents/sdk-go/v2/types"
	"github.com/twmb/franz-go/pkg/kgo"

	"changqing.example/samples/bus"
	"changqing.example/samples/proof"
	"changqing.example/samples/token"
)

const patience = 60 * time.Second

func main() {
	code, err := publish(os.Args[1], os.Args[2], len(os.Args) > 3 && os.Args[3] == "--dry-run")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

func publish(way, file string, dry bool) (int, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return 1, err
	}
	var e event.Event
	if err := json.Unmarshal(text, &e); err != nil {
		return 1, err
	}
	if key := os.Getenv("SIGNING_KEY"); key != "" {
		material, err := proof.Material(e, key)
		if err != nil {
			return 1, err
		}
		e.SetExtension("dssematerial", material)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if dry {
		return 0, show(ctx, e)
	}
	send := overHTTP
	if way == "kafka" {
		send = overKafka
	}
	answer, err := send(ctx, e)
	if err != nil {
		return 1, err
	}
	return check(answer, e)
}

// check prints the receipt that was signed. Whoever may not publish at all gets none.
func check(answer []byte, e event.Event) (int, error) {
	var signed struct {
		Proof *proof.Envelope `json:"proof"`
	}
	if err := json.Unmarshal(answer, &signed); err != nil {
		return 1, err
	}
	if signed.Proof == nil {
		fmt.Println(string(answer))
		return 1, nil
	}
	keys, err := proof.LedgerKeys(os.Getenv("CHANGQING_URL"))
	if err != nil {
		return 1, err
	}
	body, err := proof.ReceiptOf(*signed.Proof, keys)
	if err != nil {
		return 1, err
	}
	var receipt proof.Receipt
	if err := json.Unmarshal(body, &receipt); err != nil {
		return 1, err
	}
	if receipt.ID != nil && (*receipt.ID != e.ID() || *receipt.Source != e.Source()) {
		return 1, errors.New("another's receipt")
	}
	fmt.Println(string(body))
	if receipt.Status == "refused" {
		return 3, nil
	}
	return 0, nil
}

// overHTTP sends in binary mode: the data stays the very bytes that were signed.
func overHTTP(ctx context.Context, e event.Event) ([]byte, error) {
	request, err := cehttp.NewHTTPRequestFromEvent(ctx, os.Getenv("CHANGQING_URL")+"/v1/events", e)
	if err != nil {
		return nil, err
	}
	authorization, err := token.Header(ctx)
	if refused := new(token.Refused); errors.As(err, &refused) {
		return refused.Body, nil
	} else if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", authorization)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	return io.ReadAll(answer.Body)
}

// overKafka sends to the department's topic; the receipt comes on its own, and is looked for from a second ago on.
func overKafka(ctx context.Context, e event.Event) ([]byte, error) {
	department := strings.Split(e.Source(), "/")[1]
	since := kgo.NewOffset().AfterMilli(time.Now().Add(-time.Second).UnixMilli())
	client, err := bus.Client(kgo.ConsumeTopics("receipts."+department), kgo.ConsumeResetOffset(since))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	message := kgo.Record{Topic: "intake." + department, Key: []byte(key(e)), Value: e.Data(), Headers: headers(e)}
	if err := client.ProduceSync(ctx, &message).FirstErr(); err != nil {
		return nil, err
	}
	for ctx.Err() == nil {
		fetched := client.PollFetches(ctx)
		for _, record := range fetched.Records() {
			var told struct {
				Data json.RawMessage `json:"data"`
			}
			var receipt proof.Receipt
			if json.Unmarshal(record.Value, &told) != nil || json.Unmarshal(told.Data, &receipt) != nil {
				continue
			}
			if receipt.ID != nil && *receipt.ID == e.ID() && *receipt.Source == e.Source() {
				return told.Data, nil
			}
		}
	}
	return nil, errors.New("no receipt came")
}

// key orders the events of one person: a pseudonym of your own, never an identity number.
func key(e event.Event) string {
	if given, there := e.Extensions()["partitionkey"].(string); there {
		return given
	}
	return e.ID()
}

// headers are the attributes in binary mode, as CloudEvents' Kafka binding writes them.
func headers(e event.Event) []kgo.RecordHeader {
	given := map[string]any{
		"content-type": e.DataContentType(), "ce_specversion": e.SpecVersion(), "ce_type": e.Type(), "ce_source": e.Source(),
		"ce_id": e.ID(), "ce_subject": e.Subject(), "ce_dataschema": e.DataSchema(),
	}
	if !e.Time().IsZero() {
		given["ce_time"] = e.Time()
	}
	for name, value := range e.Extensions() {
		given["ce_"+name] = value
	}
	var made []kgo.RecordHeader
	for name, value := range given {
		if text, err := types.Format(value); err == nil && text != "" {
			made = append(made, kgo.RecordHeader{Key: name, Value: []byte(text)})
		}
	}
	return made
}

func show(ctx context.Context, e event.Event) error {
	request, err := cehttp.NewHTTPRequestFromEvent(ctx, "http://localhost", e)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return err
	}
	told := map[string]string{}
	for name := range request.Header {
		told[strings.ToLower(name)] = request.Header.Get(name)
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]any{"headers": told, "body": body}) // bytes as base64
}
