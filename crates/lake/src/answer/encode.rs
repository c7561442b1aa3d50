//! Answers as CSV, JSON and Parquet, part by part.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::RecordBatch;
use arrow::csv::WriterBuilder;
use arrow::json::writer::{JsonArray, LineDelimited};
use arrow::json::{Writer as JsonWriter, WriterBuilder as JsonBuilder};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use super::Answer;
use crate::fault::QueryError;

/// A format of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// Comma-separated with a header line. Times are as RFC 3339 has them.
    Csv,
    /// One JSON array of objects.
    Json,
    /// One JSON object a line.
    JsonLines,
    /// Apache Parquet, compressed with Zstandard.
    Parquet,
}

/// Bytes that a writer has written and nobody has taken.
#[derive(Clone, Debug, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Written {
    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

enum Writer {
    Csv(Box<arrow::csv::Writer<Written>>),
    Json(JsonWriter<Written, JsonArray>),
    JsonLines(JsonWriter<Written, LineDelimited>),
    Parquet(Box<ArrowWriter<Written>>),
}

/// An answer in a format, part by part.
pub struct Encoded {
    answer: Answer,
    written: Written,
    /// Nothing after the end.
    writer: Option<Writer>,
    failed: Option<QueryError>,
}

impl std::fmt::Debug for Encoded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Encoded").field("answer", &self.answer).finish_non_exhaustive()
    }
}

impl Encoded {
    pub(super) fn of(answer: Answer, format: Format) -> Encoded {
        let written = Written::default();
        let (writer, failed) = match writer(&answer, format, written.clone()) {
            Ok(writer) => (Some(writer), None),
            Err(error) => (None, Some(error)),
        };
        Encoded { answer, written, writer, failed }
    }

    /// Whether rows were left out because the limit was reached. Known after the last part.
    pub fn is_truncated(&self) -> bool {
        self.answer.is_truncated
    }

    /// The next part; nothing after the last. After an error, what came before it is no whole
    /// answer.
    pub async fn next(&mut self) -> Option<Result<Vec<u8>, QueryError>> {
        if let Some(error) = self.failed.take() {
            return Some(Err(error));
        }
        loop {
            let writer = self.writer.as_mut()?;
            let step = match self.answer.next_batch().await {
                Some(Ok(batch)) => write(writer, &batch),
                Some(Err(error)) => Err(error),
                None => self.writer.take().map_or(Ok(()), end),
            };
            if let Err(error) = step {
                self.writer = None;
                return Some(Err(error));
            }
            let part = self.written.take();
            if !part.is_empty() {
                return Some(Ok(part));
            }
        }
    }
}

fn writer(answer: &Answer, format: Format, to: Written) -> Result<Writer, QueryError> {
    Ok(match format {
        Format::Csv => {
            let mut writer = WriterBuilder::new().with_header(true).build(to);
            // An answer without rows still has its header.
            writer.write(&RecordBatch::new_empty(Arc::clone(&answer.schema))).map_err(failed)?;
            Writer::Csv(Box::new(writer))
        }
        Format::Json => Writer::Json(JsonBuilder::new().with_explicit_nulls(true).build(to)),
        Format::JsonLines => {
            Writer::JsonLines(JsonBuilder::new().with_explicit_nulls(true).build(to))
        }
        Format::Parquet => {
            let level = Compression::ZSTD(ZstdLevel::try_new(3).unwrap_or_default());
            let properties = WriterProperties::builder().set_compression(level).build();
            let schema = Arc::clone(&answer.schema);
            let writer = ArrowWriter::try_new(to, schema, Some(properties));
            Writer::Parquet(Box::new(writer.map_err(failed)?))
        }
    })
}

fn write(writer: &mut Writer, batch: &RecordBatch) -> Result<(), QueryError> {
    match writer {
        Writer::Csv(writer) => writer.write(batch).map_err(failed),
        Writer::Json(writer) => writer.write(batch).map_err(failed),
        Writer::JsonLines(writer) => writer.write(batch).map_err(failed),
        Writer::Parquet(writer) => writer.write(batch).map_err(failed),
    }
}

fn end(writer: Writer) -> Result<(), QueryError> {
    match writer {
        Writer::Csv(_) => Ok(()),
        Writer::Json(mut writer) => writer.finish().map_err(failed),
        Writer::JsonLines(mut writer) => writer.finish().map_err(failed),
        Writer::Parquet(writer) => writer.close().map(drop).map_err(failed),
    }
}

fn failed(error: impl std::fmt::Display) -> QueryError {
    QueryError::Failed(error.to_string())
}
