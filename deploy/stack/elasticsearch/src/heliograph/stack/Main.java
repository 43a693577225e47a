package heliograph.stack;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import org.elasticsearch.bootstrap.BootstrapInfo;
import org.elasticsearch.common.logging.LogConfigurator;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.env.Environment;
import org.elasticsearch.node.InternalSettingsPreparer;
import org.elasticsearch.node.Node;
import org.elasticsearch.plugins.PluginsLoader;

/**
 * Starts one Elasticsearch node from its published jars: {@code Main HOME CONFIG}.
 *
 * <p>The server's own entry point wants the layout of the distribution around it and refuses root. A node started this
 * way skips the bootstrap checks, so it belongs on loopback and nowhere else.
 */
public final class Main {
    private static final String NAME = "elasticsearch";

    private Main() {}

    public static void main(String[] arguments) {
        try {
            run(Path.of(arguments[0]).toAbsolutePath(), Path.of(arguments[1]).toAbsolutePath());
        } catch (Throwable error) {
            // Threads of a half-started node would keep the process alive, and nobody would learn that it failed.
            error.printStackTrace();
            System.exit(1);
        }
    }

    private static void run(Path home, Path config) throws Exception {
        LogConfigurator.registerErrorListener();
        BootstrapInfo.init();
        Settings settings = Settings.builder().put("path.home", home.toString()).build();
        Environment environment =
                InternalSettingsPreparer.prepareEnvironment(settings, Map.of(), config, () -> NAME);
        LogConfigurator.setNodeName(NAME);
        LogConfigurator.configure(environment, true);
        // Everything lies on the class path: there are no modules whose exports would need opening.
        PluginsLoader plugins = PluginsLoader.createPluginsLoader(
                PluginsLoader.loadModulesBundles(environment.modulesDir(), false),
                PluginsLoader.loadPluginsBundles(environment.pluginsDir(), false),
                Map.of(),
                false);
        Node node = new Node(environment, plugins);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> close(node), "stop"));
        node.start();
        Thread.currentThread().join();
    }

    private static void close(Node node) {
        try {
            node.close();
        } catch (IOException error) {
            error.printStackTrace();
        }
    }
}
