import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.apache.lucene.analysis.Analyzer;
import org.apache.lucene.analysis.core.WhitespaceTokenizer;
import org.apache.lucene.document.Document;
import org.apache.lucene.document.TextField;
import org.apache.lucene.document.Field;
import org.apache.lucene.index.Term;
import org.apache.lucene.monitor.MatchingQueries;
import org.apache.lucene.monitor.Monitor;
import org.apache.lucene.monitor.MonitorQuery;
import org.apache.lucene.monitor.MultiMatchingQueries;
import org.apache.lucene.monitor.QueryMatch;
import org.apache.lucene.monitor.TermFilteredPresearcher;
import org.apache.lucene.queries.intervals.IntervalQuery;
import org.apache.lucene.queries.intervals.Intervals;
import org.apache.lucene.queries.intervals.IntervalsSource;
import org.apache.lucene.search.BooleanClause;
import org.apache.lucene.search.BooleanQuery;
import org.apache.lucene.search.PhraseQuery;
import org.apache.lucene.search.PrefixQuery;
import org.apache.lucene.search.Query;
import org.apache.lucene.search.TermQuery;
import org.apache.lucene.util.BytesRef;

/**
 * Lucene Monitor over the topics and articles that bench_monitor.py writes: one query a line, in prefix notation, and one
 * article a line, its folded title and text with a tab between. Prints what it measured as one JSON object.
 *
 * <p>An article's title and text are two values of one field, far apart, so that each word is looked for once; that
 * favours the Monitor over a query on two fields.
 */
public final class MonitorBench {
  private static final String FIELD = "body";
  private static final int PASSES = 3;
  private static final int BATCH = 50;

  public static void main(String[] arguments) throws Exception {
    List<String> topics = Files.readAllLines(Path.of(arguments[0]), StandardCharsets.UTF_8);
    List<String> articles = Files.readAllLines(Path.of(arguments[1]), StandardCharsets.UTF_8);
    List<MonitorQuery> queries = new ArrayList<>();
    for (int number = 0; number < topics.size(); number++) {
      queries.add(new MonitorQuery("t" + number, new Reader(topics.get(number)).query()));
    }
    Monitor monitor = new Monitor(analyzer(), new TermFilteredPresearcher());
    long before = cpu();
    monitor.register(queries.subList(0, queries.size() - 1));
    double build = (cpu() - before) / 1e9;
    System.gc();
    long heap = Runtime.getRuntime().totalMemory() - Runtime.getRuntime().freeMemory();
    List<Document> documents = new ArrayList<>();
    for (String article : articles) {
      documents.add(document(article));
    }
    double single = 0;
    double batched = 0;
    long matches = 0;
    for (int pass = 0; pass < PASSES; pass++) {
      matches = 0;
      before = cpu();
      for (Document document : documents) {
        MatchingQueries<QueryMatch> found = monitor.match(document, QueryMatch.SIMPLE_MATCHER);
        matches += found.getMatchCount();
      }
      single = Math.max(single, documents.size() / ((cpu() - before) / 1e9));
      before = cpu();
      for (int at = 0; at < documents.size(); at += BATCH) {
        List<Document> some = documents.subList(at, Math.min(documents.size(), at + BATCH));
        MultiMatchingQueries<QueryMatch> found =
            monitor.match(some.toArray(new Document[0]), QueryMatch.SIMPLE_MATCHER);
        if (found.getBatchSize() != some.size()) {
          throw new IllegalStateException("a batch was cut");
        }
      }
      batched = Math.max(batched, documents.size() / ((cpu() - before) / 1e9));
    }
    before = cpu();
    monitor.register(queries.get(queries.size() - 1));
    double adding = (cpu() - before) / 1e6;
    System.out.printf(
        java.util.Locale.ROOT,
        "{\"one_by_one\": %.1f, \"in_batches\": %.1f, \"matches\": %d, \"build_s\": %.3f, \"heap_mb\": %.1f, "
            + "\"add_one_ms\": %.2f}%n",
        single, batched, matches, build, heap / 1e6, adding);
    monitor.close();
  }

  private static long cpu() {
    return ((OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean()).getProcessCpuTime();
  }

  private static Document document(String line) {
    Document document = new Document();
    for (String value : line.split("\t", -1)) {
      document.add(new TextField(FIELD, value, Field.Store.NO));
    }
    return document;
  }

  private static Analyzer analyzer() {
    return new Analyzer() {
      @Override
      protected TokenStreamComponents createComponents(String field) {
        return new TokenStreamComponents(new WhitespaceTokenizer());
      }

      @Override
      public int getPositionIncrementGap(String field) {
        return 1000;
      }
    };
  }

  /** Reads `and 2 …`, `or 2 …`, `not …`, `near 12 2 …`, `term 2 word prefix*`. */
  private static final class Reader {
    private final String[] parts;
    private int at;

    Reader(String line) {
      parts = line.split(" ");
    }

    Query query() {
      String kind = parts[at++];
      switch (kind) {
        case "term":
          return term(atoms());
        case "or": {
          BooleanQuery.Builder builder = new BooleanQuery.Builder();
          for (int left = number(); left > 0; left--) {
            builder.add(query(), BooleanClause.Occur.SHOULD);
          }
          return builder.build();
        }
        case "and": {
          BooleanQuery.Builder builder = new BooleanQuery.Builder();
          for (int left = number(); left > 0; left--) {
            boolean denied = parts[at].equals("not");
            at += denied ? 1 : 0;
            builder.add(query(), denied ? BooleanClause.Occur.MUST_NOT : BooleanClause.Occur.MUST);
          }
          return builder.build();
        }
        case "near": {
          int distance = number();
          IntervalsSource[] operands = new IntervalsSource[number()];
          for (int number = 0; number < operands.length; number++) {
            operands[number] = source();
          }
          return new IntervalQuery(FIELD, Intervals.maxgaps(distance, Intervals.unordered(operands)));
        }
        default:
          throw new IllegalArgumentException(kind);
      }
    }

    private IntervalsSource source() {
      String kind = parts[at++];
      if (kind.equals("term")) {
        return interval(atoms());
      }
      IntervalsSource[] found = new IntervalsSource[number()];
      for (int number = 0; number < found.length; number++) {
        found[number] = source();
      }
      return Intervals.or(found);
    }

    private int number() {
      return Integer.parseInt(parts[at++]);
    }

    private String[] atoms() {
      String[] found = new String[number()];
      for (int number = 0; number < found.length; number++) {
        found[number] = parts[at++];
      }
      return found;
    }

    private static boolean open(String atom) {
      return atom.endsWith("*");
    }

    private static String word(String atom) {
      return open(atom) ? atom.substring(0, atom.length() - 1) : atom;
    }

    private static Query term(String[] atoms) {
      if (atoms.length == 1) {
        Term term = new Term(FIELD, word(atoms[0]));
        return open(atoms[0]) ? new PrefixQuery(term) : new TermQuery(term);
      }
      for (String atom : atoms) {
        if (open(atom)) {
          return new IntervalQuery(FIELD, interval(atoms));
        }
      }
      return new PhraseQuery(FIELD, atoms);
    }

    private static IntervalsSource interval(String[] atoms) {
      IntervalsSource[] found = new IntervalsSource[atoms.length];
      for (int number = 0; number < atoms.length; number++) {
        BytesRef text = new BytesRef(word(atoms[number]));
        // A prefix may stand for as many words as an article has.
        found[number] = open(atoms[number]) ? Intervals.prefix(text, 1024) : Intervals.term(text);
      }
      return found.length == 1 ? found[0] : Intervals.phrase(found);
    }
  }
}
