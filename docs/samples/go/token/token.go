// Package token gets a token for the account of CHANGQING_ACCOUNT=name:secret (OAuth 2.0 client credentials). It is good for ten minutes.
package token

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
)

// Refused is what was answered instead of a token.
type Refused struct{ Body []byte }

func (r *Refused) Error() string { return fmt.Sprintf("no token: %s", r.Body) }

// Header is what stands in Authorization. A program that runs for long asks again before expires_in seconds are over.
func Header(ctx context.Context) (string, error) {
	form := url.Values{"grant_type": {"client_credentials"}}.Encode()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, os.Getenv("CHANGQING_URL")+"/oauth/token", strings.NewReader(form))
	if err != nil {
		return "", err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	name, secret, _ := strings.Cut(os.Getenv("CHANGQING_ACCOUNT"), ":")
	request.SetBasicAuth(url.QueryEscape(name), url.QueryEscape(secret))
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return "", err
	}
	if answer.StatusCode != http.StatusOK {
		return "", &Refused{body}
	}
	var told struct {
		Token string `json:"access_token"`
	}
	if err := json.Unmarshal(body, &told); err != nil {
		return "", err
	}
	return "Bearer " + told.Token, nil
}
