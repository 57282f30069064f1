// The CloudEvents SDK for Go as its documentation shows it.
//
//	serve      prints `listening URL`, then each event read as one line; a request to /answer/MODE is answered with the event in its data
//	send URL   sends what each line of standard input tells, and prints what came of it
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"

	cloudevents "github.com/cloudevents/sdk-go/v2"
	"github.com/cloudevents/sdk-go/v2/binding"
	cehttp "github.com/cloudevents/sdk-go/v2/protocol/http"
	"github.com/cloudevents/sdk-go/v2/types"
)

type spec struct {
	Attributes map[string]any `json:"attributes"`
	Data       *struct {
		JSON   *string `json:"json"`
		Text   *string `json:"text"`
		Base64 []byte  `json:"base64"`
	} `json:"data"`
}

func (s spec) event() (cloudevents.Event, error) {
	event := cloudevents.NewEvent()
	contentType := ""
	for name, value := range s.Attributes {
		text := fmt.Sprint(value)
		switch name {
		case "specversion":
			event.SetSpecVersion(text)
		case "id":
			event.SetID(text)
		case "source":
			event.SetSource(text)
		case "type":
			event.SetType(text)
		case "subject":
			event.SetSubject(text)
		case "dataschema":
			event.SetDataSchema(text)
		case "datacontenttype":
			contentType = text
		case "time":
			time, err := types.ParseTime(text)
			if err != nil {
				return event, err
			}
			event.SetTime(time)
		default:
			if number, ok := value.(float64); ok {
				value = int32(number)
			}
			event.SetExtension(name, value)
		}
	}
	return event, s.setData(&event, contentType)
}

func (s spec) setData(event *cloudevents.Event, contentType string) error {
	switch {
	case s.Data == nil:
		return nil
	case s.Data.JSON != nil:
		return event.SetData(contentType, json.RawMessage(*s.Data.JSON))
	case s.Data.Text != nil:
		return event.SetData(contentType, *s.Data.Text)
	default:
		return event.SetData(contentType, s.Data.Base64)
	}
}

func inMode(ctx context.Context, mode string) context.Context {
	if mode == "structured" {
		return binding.WithForceStructured(ctx)
	}
	return binding.WithForceBinary(ctx)
}

func report(path string, event *cloudevents.Event) (map[string]any, error) {
	attributes := map[string]string{
		"specversion": event.SpecVersion(), "id": event.ID(), "source": event.Source(), "type": event.Type(),
	}
	optional := map[string]string{
		"subject": event.Subject(), "datacontenttype": event.DataContentType(), "dataschema": event.DataSchema(),
	}
	if !event.Time().IsZero() {
		optional["time"] = types.FormatTime(event.Time())
	}
	for name, value := range optional {
		if value != "" {
			attributes[name] = value
		}
	}
	for name, value := range event.Extensions() {
		text, err := types.Format(value)
		if err != nil {
			return nil, err
		}
		attributes[name] = text
	}
	line := map[string]any{"path": path, "attributes": attributes, "data": nil}
	if len(event.Data()) > 0 {
		line["data"] = event.Data()
	}
	return line, nil
}

func say(line any) {
	text, _ := json.Marshal(line)
	os.Stdout.Write(append(text, '\n'))
}

func receive(response http.ResponseWriter, request *http.Request) error {
	event, err := cehttp.NewEventFromHTTPRequest(request)
	if err != nil {
		return err
	}
	line, err := report(request.URL.Path, event)
	if err != nil {
		return err
	}
	say(line)
	mode, asked := strings.CutPrefix(request.URL.Path, "/answer/")
	if !asked {
		response.WriteHeader(http.StatusNoContent)
		return nil
	}
	var wanted spec
	if err := event.DataAs(&wanted); err != nil {
		return err
	}
	answer, err := wanted.event()
	if err != nil {
		return err
	}
	return cehttp.WriteResponseWriter(inMode(request.Context(), mode), binding.ToMessage(&answer), http.StatusOK, response)
}

func serve() error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Printf("listening http://%s\n", listener.Addr())
	return http.Serve(listener, http.HandlerFunc(func(response http.ResponseWriter, request *http.Request) {
		if err := receive(response, request); err != nil {
			say(map[string]string{"path": request.URL.Path, "error": err.Error()})
			response.WriteHeader(http.StatusBadRequest)
		}
	}))
}

type outcome struct {
	Status int    `json:"status,omitempty"`
	Body   string `json:"body"`
	Error  string `json:"error,omitempty"`
}

func sendOne(client cloudevents.Client, url string, mode string, events []cloudevents.Event) outcome {
	if mode == "batch" {
		return sendBatch(url, events)
	}
	result := client.Send(inMode(cloudevents.ContextWithTarget(context.Background(), url), mode), events[0])
	var answered *cehttp.Result
	if !cloudevents.ResultAs(result, &answered) {
		return outcome{Error: fmt.Sprint(result)}
	}
	return outcome{Status: answered.StatusCode, Body: bodyOf(answered)}
}

// What was answered beyond the status is an argument of the result's text.
func bodyOf(answered *cehttp.Result) string {
	if answered.StatusCode < 300 {
		return ""
	}
	return answered.Error()
}

func sendBatch(url string, events []cloudevents.Event) outcome {
	request, err := cehttp.NewHTTPRequestFromEvents(context.Background(), url, events)
	if err != nil {
		return outcome{Error: err.Error()}
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return outcome{Error: err.Error()}
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	return outcome{Status: answer.StatusCode, Body: string(bytes.TrimSpace(body)), Error: text(err)}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func send(url string) error {
	client, err := cloudevents.NewClientHTTP()
	if err != nil {
		return err
	}
	lines := bufio.NewReader(os.Stdin)
	for {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		var job struct {
			Mode   string `json:"mode"`
			Events []spec `json:"events"`
		}
		if err := json.Unmarshal(line, &job); err != nil {
			return err
		}
		events := make([]cloudevents.Event, len(job.Events))
		for at, wanted := range job.Events {
			if events[at], err = wanted.event(); err != nil {
				return err
			}
		}
		say(sendOne(client, url, job.Mode, events))
	}
}

func main() {
	run := serve
	if os.Args[1] == "send" {
		run = func() error { return send(os.Args[2]) }
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
