package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
)

// plain is the rival: it reads the CSV and posts, and keeps no record at all.
func plain(ctx context.Context, file, url string, flight int) error {
	rows := make(chan []string, flight)
	client := http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: flight}}
	failures := make(chan error, flight)
	var posting sync.WaitGroup
	for range flight {
		posting.Add(1)
		go func() {
			defer posting.Done()
			for row := range rows {
				if err := post(ctx, &client, url, row); err != nil {
					failures <- err
					return
				}
			}
		}()
	}
	err := read(file, rows)
	close(rows)
	posting.Wait()
	close(failures)
	return errors.Join(err, <-failures)
}

func read(file string, rows chan<- []string) (err error) {
	source, err := os.Open(file)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	reader := csv.NewReader(source)
	if _, err := reader.Read(); err != nil {
		return err
	}
	for {
		row, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		rows <- row
	}
}

func post(ctx context.Context, client *http.Client, url string, row []string) error {
	body, err := json.Marshal(map[string]any{"WechatId": row[0], "ToUserName": row[1], "RelationType": 0, "MsgType": "text",
		"Text": row[2] + "，你的券已到账"})
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/v2/ChatMess/doSendPublicMes", bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer t")
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	var answer struct {
		Succeed bool `json:"succeed"`
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return err
	}
	if !answer.Succeed {
		return fmt.Errorf("refused")
	}
	_, err = io.Copy(io.Discard, response.Body)
	return err
}
