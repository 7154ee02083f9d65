// Reads an event stream from a fetch response, comments included: Batuta's own notes travel in them.

/** Yield `{data}` for each event and `{note}` for each comment, in order. */
export async function* readEvents(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  let data = [];
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      const lines = (rest + value).split("\n");
      rest = lines.pop();
      for (const raw of lines) {
        const line = raw.endsWith("\r") ? raw.slice(0, -1) : raw;
        if (line === "") {
          if (data.length) yield { data: data.join("\n") };
          data = [];
        } else if (line.startsWith(":")) {
          yield { note: line.slice(1).trim() };
        } else if (line.startsWith("data:")) {
          data.push(line.slice(line[5] === " " ? 6 : 5));
        }
      }
    }
    if (data.length) yield { data: data.join("\n") };
  } finally {
    reader.cancel().catch(() => {});
  }
}

/** Return the JSON of a comment that is Batuta's own, or null for a bare heartbeat. */
export function batutaNote(note) {
  if (!note.startsWith("batuta ")) return null;
  try {
    return JSON.parse(note.slice(7));
  } catch {
    return null;
  }
}
