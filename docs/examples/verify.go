// verify.go - a receiver of tillwatch's webhooks that takes none but those that are signed. Go's own library alone.
//
//	WEBHOOK_SECRETS="whsec_NEW whsec_OLD" go run verify.go [PORT]        8099 on this machine; 0 takes a free port
//
// Verify and Key are what to copy. The rest is a server around them: 204 to what is signed, 401 to what is not.
//
// SPDX-License-Identifier: Apache-2.0
package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

const (
	tolerance = 5 * time.Minute // how far the sender's clock may be from ours
	maxBody   = 1 << 20         // tillwatch's are smaller: at most 512 KiB
)

// Key is the key that a secret stands for: base64 behind whsec_, at least 16 bytes.
func Key(secret string) ([]byte, error) {
	text := strings.TrimRight(strings.TrimPrefix(secret, "whsec_"), "=")
	made, err := base64.RawStdEncoding.DecodeString(text)
	if err == nil && len(made) < 16 {
		err = errors.New("a secret of less than 16 bytes")
	}
	return made, err
}

// Verify is nil when a message is signed with one of the keys. The body is the bytes as they came: what was parsed and
// written again is not what was signed. Several keys while a secret is replaced.
func Verify(keys [][]byte, h http.Header, body []byte, now time.Time) error {
	id, stamp, given := h.Get("webhook-id"), h.Get("webhook-timestamp"), h.Get("webhook-signature")
	if id == "" || stamp == "" || given == "" {
		return errors.New("a header is missing")
	}
	seconds, err := strconv.ParseUint(stamp, 10, 40)
	if err != nil {
		return errors.New("the timestamp is no number")
	}
	if off := now.Sub(time.Unix(int64(seconds), 0)); off > tolerance || off < -tolerance {
		return errors.New("the timestamp is too far from our clock")
	}
	found := false
	for _, k := range keys {
		mac := hmac.New(sha256.New, k)
		fmt.Fprintf(mac, "%s.%s.", id, stamp)
		mac.Write(body)
		want := []byte("v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)))
		for _, one := range strings.Split(given, " ") {
			// In constant time, and to the end of the list whatever was found.
			if hmac.Equal(want, []byte(one)) {
				found = true
			}
		}
	}
	if !found {
		return errors.New("no signature fits")
	}
	return nil
}

func receiver(keys [][]byte) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if err == nil {
			err = Verify(keys, r.Header, body, time.Now())
		}
		if err != nil {
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Println("refused:", err)
			return
		}
		w.WriteHeader(http.StatusNoContent)
		// Delivery is at least once: whoever acts on a message remembers its webhook-id and acts once.
		var message struct{ Status string }
		json.Unmarshal(body, &message)
		fmt.Println(r.Header.Get("webhook-id"), message.Status)
	}
}

func main() {
	var keys [][]byte
	for _, secret := range strings.Fields(os.Getenv("WEBHOOK_SECRETS")) {
		k, err := Key(secret)
		if err != nil {
			log.Fatal(err)
		}
		keys = append(keys, k)
	}
	if len(keys) == 0 {
		log.Fatal("WEBHOOK_SECRETS is empty")
	}
	port := "8099"
	if len(os.Args) > 1 {
		port = os.Args[1]
	}
	listener, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("listening on port", listener.Addr().(*net.TCPAddr).Port)
	log.Fatal(http.Serve(listener, receiver(keys)))
}
