/* HdrInterop.java - the reference HdrHistogram behind the commands of tests/unit/hist_tool.c. */
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Base64;
import java.util.Locale;
import org.HdrHistogram.*;

public class HdrInterop {
    static final long CEILING = 3600000000000L;

    static EncodableHistogram create(String kind) {
        switch (kind) {
        case "same":
            return new Histogram(1, CEILING, 3);
        case "auto":
            return new Histogram(3);
        case "minute":
            return new Histogram(1, 60000000000L, 3);
        case "widest":
            return new Histogram(1, Long.MAX_VALUE, 3);
        case "int":
            return new IntCountsHistogram(1, CEILING, 3);
        case "concurrent":
            return new ConcurrentHistogram(3);
        case "coarse":
            return new Histogram(1, CEILING, 2);
        case "micro":
            return new Histogram(1000, CEILING, 3);
        case "double":
            return new DoubleHistogram(3);
        default:
            throw new IllegalArgumentException(kind);
        }
    }

    static void write(String kind, String values) {
        EncodableHistogram h = create(kind);
        for (String word : values.split(",")) {
            String[] parts = word.split("\\*");
            long count = parts.length > 1 ? Long.parseLong(parts[1]) : 1;
            if (h instanceof DoubleHistogram)
                ((DoubleHistogram)h).recordValueWithCount(Double.parseDouble(parts[0]), count);
            else
                ((AbstractHistogram)h).recordValueWithCount(Long.parseLong(parts[0]), count);
        }
        ByteBuffer buffer = ByteBuffer.allocate(h.getNeededByteBufferCapacity());
        int length = h.encodeIntoCompressedByteBuffer(buffer, 9);
        System.out.println("blob " + Base64.getEncoder().encodeToString(Arrays.copyOf(buffer.array(), length)));
    }

    static Histogram decode(String blob) throws Exception {
        return Histogram.decodeFromCompressedByteBuffer(ByteBuffer.wrap(Base64.getDecoder().decode(blob)), 0);
    }

    static void read(Histogram h) {
        System.out.println("count " + h.getTotalCount());
        for (String p : new String[] {"0.1", "25", "50", "75", "90", "95", "99", "99.9", "99.99"})
            System.out.println("p" + p + " " + h.getValueAtPercentile(Double.parseDouble(p)));
        System.out.println("max " + h.getMaxValue());
        System.out.println(String.format(Locale.US, "mean %.3f", h.getMean()));
        for (HistogramIterationValue v : h.recordedValues())
            System.out.println("cell " + h.lowestEquivalentValue(v.getValueIteratedTo()) + " "
                               + v.getCountAtValueIteratedTo());
    }

    public static void main(String[] args) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        Locale.setDefault(Locale.US);
        for (String line; (line = in.readLine()) != null;) {
            String[] words = line.split(" ");
            try {
                if (words[0].equals("write"))
                    write(words[1], words.length > 2 ? words[2] : "");
                else if (words[0].equals("read"))
                    read(decode(words[1]));
                else
                    decode(words[1]).outputPercentileDistribution(System.out, 5, 1e6);
            } catch (Exception e) {
                System.out.println("error " + e);
            }
            System.out.println("end");
            System.out.flush();
        }
    }
}
