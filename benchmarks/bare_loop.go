// The native ceiling: what bare_loop.py does, with the same arguments, compiled.
//
//	go build -o bare_loop bare_loop.go && ./bare_loop INGESTION BATCHES CONNECTIONS
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"
)

const boundary = "b0und4ry"

type batch struct {
	Category string
	Label    *string
	Type     string
	Files    []string
	Boxes    *string
}

func main() {
	ingestion, path := os.Args[1], os.Args[2]
	connections, err := strconv.Atoi(os.Args[3])
	check(err)
	content, err := os.ReadFile(path)
	check(err)
	var batches []batch
	check(json.Unmarshal(content, &batches))

	began := time.Now()
	waiting := make(chan batch, len(batches))
	for _, one := range batches {
		waiting <- one
	}
	close(waiting)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: connections, MaxConnsPerHost: connections}}
	var posting sync.WaitGroup
	for at := 0; at < connections; at++ {
		posting.Add(1)
		go func() {
			defer posting.Done()
			var body bytes.Buffer
			for one := range waiting {
				body.Reset()
				check(write(&body, one))
				check(post(client, ingestion, one, &body))
			}
		}()
	}
	posting.Wait()
	fmt.Printf("{\"took_s\": %.6f}\n", time.Since(began).Seconds())
}

func write(body *bytes.Buffer, one batch) error {
	for _, path := range one.Files {
		head(body, filepath.Base(path), one.Type)
		file, err := os.Open(path)
		if err != nil {
			return err
		}
		_, err = body.ReadFrom(file)
		file.Close()
		if err != nil {
			return err
		}
		body.WriteString("\r\n")
	}
	if one.Boxes != nil {
		head(body, "bounding_boxes.labels", "application/json")
		body.WriteString(*one.Boxes + "\r\n")
	}
	body.WriteString("--" + boundary + "--\r\n")
	return nil
}

func head(body *bytes.Buffer, name, kind string) {
	fmt.Fprintf(body, "--%s\r\nContent-Disposition: form-data; name=\"data\"; filename=\"%s\"\r\n", boundary, name)
	fmt.Fprintf(body, "Content-Type: %s\r\n\r\n", kind)
}

func post(client *http.Client, ingestion string, one batch, body *bytes.Buffer) error {
	url := ingestion + "/api/" + one.Category + "/files"
	request, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(body.Bytes()))
	if err != nil {
		return err
	}
	request.Header.Set("x-api-key", os.Getenv("EI_API_KEY"))
	request.Header.Set("Content-Type", "multipart/form-data; boundary="+boundary)
	request.Header.Set("x-disallow-duplicates", "1")
	if one.Label != nil {
		request.Header.Set("x-label", *one.Label)
	}
	answer, err := client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", answer.Status, text)
	}
	return err
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "the native ceiling failed:", err)
		os.Exit(1)
	}
}
