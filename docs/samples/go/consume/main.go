// Take alerts as they come: consume http|kafka PLACE [COUNT]. Prints each once, as one line of JSON.
//
// Wants CHANGQING_URL and CHANGQING_ACCOUNT for HTTP, KAFKA_BOOTSTRAP for Kafka, as publish. PLACE is a file that remembers
// how far we are; the same command goes on from there. Ends after COUNT alerts, or never.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/twmb/franz-go/pkg/kgo"

	"changqing.example/samples/bus"
	"changqing.example/samples/token"
)

// The ledger says something every 15 s: whoever hears nothing for so long has no connection.
const silent = 45 * time.Second

type consumer struct {
	place string
	taken map[string]int64
	left  int
}

func main() {
	if err := consume(os.Args[1], os.Args[2], os.Args[3:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func consume(way, place string, count []string) error {
	c := consumer{place: place, taken: map[string]int64{}, left: math.MaxInt}
	text, err := os.ReadFile(place)
	if err == nil {
		err = json.Unmarshal(text, &c.taken)
	} else if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if err == nil && len(count) > 0 {
		c.left, err = strconv.Atoi(count[0])
	}
	if err != nil {
		return err
	}
	if way == "http" {
		return c.overHTTP()
	}
	return c.overKafka()
}

// take prints an alert and remembers it. Yours belongs into the same transaction as what you do with the alert; a crash
// between the two repeats one.
func (c *consumer) take(text []byte, where string) error {
	var e event.Event
	if err := json.Unmarshal(text, &e); err != nil {
		return err
	}
	position, err := strconv.ParseInt(e.ID(), 10, 64)
	if err != nil || position <= c.taken[where] {
		return err
	}
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	fmt.Println(string(line))
	c.taken[where] = position
	c.left--
	whole, err := json.Marshal(c.taken)
	if err != nil {
		return err
	}
	if err := os.WriteFile(c.place+".part", whole, 0o600); err != nil {
		return err
	}
	return os.Rename(c.place+".part", c.place)
}

// overHTTP takes server-sent events. A connection that breaks is made again from the last id: nothing is missed.
func (c *consumer) overHTTP() error {
	for c.left > 0 {
		if err := c.stream(); err != nil {
			return err
		}
		if c.left > 0 {
			time.Sleep(time.Second)
		}
	}
	return nil
}

func (c *consumer) stream() error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	timer := time.AfterFunc(silent, cancel)
	defer timer.Stop()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, os.Getenv("CHANGQING_URL")+"/v1/alerts/stream", nil)
	if err != nil {
		return err
	}
	authorization, err := token.Header(ctx)
	if refused := new(token.Refused); errors.As(err, &refused) {
		return refused
	} else if err != nil {
		fmt.Fprintln(os.Stderr, "the connection broke:", err)
		return nil
	}
	request.Header.Set("Authorization", authorization)
	request.Header.Set("Last-Event-ID", strconv.FormatInt(c.taken["http"], 10))
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		fmt.Fprintln(os.Stderr, "the connection broke:", err)
		return nil
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("refused: %s", answer.Status)
	}
	lines := bufio.NewScanner(answer.Body)
	lines.Buffer(nil, 1<<20)
	for c.left > 0 && lines.Scan() {
		timer.Reset(silent)
		if data, found := strings.CutPrefix(lines.Text(), "data:"); found {
			if err := c.take([]byte(data), "http"); err != nil {
				return err
			}
		}
	}
	return nil // whatever ended it: the next connection goes on from there
}

// overKafka takes the agency's topic. Kafka brings each at least once; an id is a position of the log and rises within a
// partition.
func (c *consumer) overKafka() error {
	ctx := context.Background()
	client, err := bus.Client(
		kgo.ConsumerGroup("social-insurance.sample-go"), kgo.ConsumeTopics("alerts.pension"), kgo.DisableAutoCommit(),
	)
	if err != nil {
		return err
	}
	defer client.Close()
	for c.left > 0 {
		fetched := client.PollRecords(ctx, 100)
		if err := fetched.Err0(); err != nil {
			return err
		}
		for _, record := range fetched.Records() {
			if c.left == 0 {
				break
			}
			if err := c.take(record.Value, strconv.Itoa(int(record.Partition))); err != nil {
				return err
			}
			if err := client.CommitRecords(ctx, record); err != nil {
				return err
			}
		}
	}
	return nil
}
