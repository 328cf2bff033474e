import com.pixelmed.validate.DicomSRValidator;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;

/**
 * What PixelMed's DicomSRValidator says of each file, in one process.
 *
 * The program of that name takes one file, and spends most of its time on starting and on
 * compiling its rules; here both are done once. A line with SECTION and the path stands before
 * what it says of a file.
 */
public final class ValidateReports {
    private static final String SECTION = "==file== ";

    public static void main(String[] paths) throws Exception {
        PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        DicomSRValidator validator = new DicomSRValidator();
        for (String path : paths) {
            out.println(SECTION + path);
            out.println(validator.validate(path));
        }
    }
}
