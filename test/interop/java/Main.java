import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.cloudevents.CloudEvent;
import io.cloudevents.core.builder.CloudEventBuilder;
import io.cloudevents.core.message.MessageWriter;
import io.cloudevents.http.HttpMessageFactory;
import io.cloudevents.jackson.JsonFormat;
import io.cloudevents.rw.CloudEventWriter;
import io.cloudevents.types.Time;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.OffsetDateTime;
import java.util.concurrent.Executors;

import static java.nio.charset.StandardCharsets.UTF_8;

/**
 * The CloudEvents SDK for Java as its documentation shows it.
 *
 * <pre>
 * serve      prints `listening URL`, then each event read as one line; a request to /answer/MODE is answered with the event in its data
 * send URL   sends what each line of standard input tells, and prints what came of it
 * </pre>
 */
public final class Main {
    private static final ObjectMapper json = new ObjectMapper();
    private static final PrintStream out = new PrintStream(System.out, true, UTF_8);

    static CloudEvent make(JsonNode spec) throws IOException {
        CloudEventBuilder builder = CloudEventBuilder.v1();
        String contentType = null;
        for (var attribute : spec.get("attributes").properties()) {
            String text = attribute.getValue().asText();
            switch (attribute.getKey()) {
                case "specversion" -> {}
                case "id" -> builder.withId(text);
                case "source" -> builder.withSource(URI.create(text));
                case "type" -> builder.withType(text);
                case "subject" -> builder.withSubject(text);
                case "time" -> builder.withTime(Time.parseTime(text));
                case "dataschema" -> builder.withDataSchema(URI.create(text));
                case "datacontenttype" -> contentType = text;
                default -> extend(builder, attribute.getKey(), attribute.getValue());
            }
        }
        JsonNode data = spec.get("data");
        return data.isNull() ? builder.build() : builder.withData(contentType, bytesOf(data)).build();
    }

    static void extend(CloudEventBuilder builder, String name, JsonNode value) {
        if (value.isInt()) builder.withExtension(name, Integer.valueOf(value.asInt()));
        else if (value.isBoolean()) builder.withExtension(name, Boolean.valueOf(value.asBoolean()));
        else builder.withExtension(name, value.asText());
    }

    static byte[] bytesOf(JsonNode data) throws IOException {
        if (data.has("base64")) return data.get("base64").binaryValue();
        return data.get(data.has("json") ? "json" : "text").asText().getBytes(UTF_8);
    }

    static void write(String mode, CloudEvent event, MessageWriter<? extends CloudEventWriter<Void>, Void> writer) {
        if (mode.equals("structured")) writer.writeStructured(event, new JsonFormat());
        else writer.writeBinary(event);
    }

    static ObjectNode report(String path, CloudEvent event) {
        ObjectNode line = json.createObjectNode().put("path", path);
        ObjectNode attributes = line.putObject("attributes");
        for (String name : event.getAttributeNames()) put(attributes, name, event.getAttribute(name));
        for (String name : event.getExtensionNames()) put(attributes, name, event.getExtension(name));
        return line.put("data", event.getData() == null ? null : event.getData().toBytes());
    }

    static void put(ObjectNode attributes, String name, Object value) {
        if (value == null) return;
        attributes.put(name, value instanceof OffsetDateTime time ? Time.writeTime(time) : value.toString());
    }

    static void receive(HttpExchange exchange) throws IOException {
        String path = exchange.getRequestURI().getPath();
        try (exchange) {
            try {
                byte[] body = exchange.getRequestBody().readAllBytes();
                CloudEvent event = HttpMessageFactory.createReaderFromMultimap(exchange.getRequestHeaders(), body).toEvent();
                out.println(report(path, event));
                if (path.startsWith("/answer/")) {
                    answer(exchange, path.substring("/answer/".length()), make(json.readTree(event.getData().toBytes())));
                } else {
                    exchange.sendResponseHeaders(204, -1);
                }
            } catch (RuntimeException error) {
                out.println(json.createObjectNode().put("path", path).put("error", error.toString()));
                exchange.sendResponseHeaders(400, -1);
            }
        }
    }

    static void answer(HttpExchange exchange, String mode, CloudEvent event) throws IOException {
        byte[][] body = new byte[1][];
        write(mode, event, HttpMessageFactory.createWriter(exchange.getResponseHeaders()::add, bytes -> body[0] = bytes));
        exchange.sendResponseHeaders(200, body[0] == null ? -1 : body[0].length);
        if (body[0] != null) exchange.getResponseBody().write(body[0]);
    }

    static void serve() throws IOException {
        HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getByName("127.0.0.1"), 0), 0);
        server.createContext("/", Main::receive);
        server.setExecutor(Executors.newFixedThreadPool(4));
        server.start();
        out.println("listening http://127.0.0.1:" + server.getAddress().getPort());
    }

    static void send(String url) throws IOException, InterruptedException {
        HttpClient client = HttpClient.newHttpClient();
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, UTF_8));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            JsonNode job = json.readTree(line);
            ObjectNode outcome = json.createObjectNode();
            try {
                HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(url));
                write(job.get("mode").asText(), make(job.get("events").get(0)), HttpMessageFactory.createWriter(request::header,
                    bytes -> request.POST(bytes == null ? BodyPublishers.noBody() : BodyPublishers.ofByteArray(bytes))));
                var answer = client.send(request.build(), BodyHandlers.ofString());
                outcome.put("status", answer.statusCode()).put("body", answer.body());
            } catch (RuntimeException | IOException error) {
                outcome.put("error", error.toString());
            }
            out.println(outcome);
        }
        System.exit(0); // the client's threads would live on
    }

    public static void main(String[] args) throws Exception {
        if (args[0].equals("serve")) serve();
        else send(args[1]);
    }
}
