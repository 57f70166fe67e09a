//! Models that write no text: embeddings, rankings, images.

use super::{Embedder, Kind, Model, Painter, Reranker, Task};

const fn task(
    id: &'static str,
    display_name: &'static str,
    maker: &'static str,
    context_window: u64,
    task: Task,
) -> Model {
    Model {
        id,
        name: id,
        display_name,
        maker,
        kind: Kind::Task(task),
        context_window,
        max_output_tokens: 0,
        profiles: &[],
        needs_profile: false,
    }
}

impl Model {
    const fn of_profiles(self, profiles: &'static [&'static str]) -> Model {
        Model { profiles, ..self }
    }
}

const AMAZON: &str = "Amazon";
const COHERE: &str = "Cohere";
const STABILITY: &str = "Stability AI";
const TWELVELABS: &str = "TwelveLabs";
const US_EU: &[&str] = &["us", "eu"];

const TITAN_V1: Task = Task::Embed(Embedder::TitanText { has_dimensions: false });
const TITAN_V2: Task = Task::Embed(Embedder::TitanText { has_dimensions: true });
const TITAN_IMAGE: Task = Task::Embed(Embedder::TitanImage);
const COHERE_V3: Task = Task::Embed(Embedder::CohereV3);
const COHERE_V4: Task = Task::Embed(Embedder::CohereV4);
const NOVA: Task = Task::Embed(Embedder::Nova);
const MARENGO_2: Task = Task::Embed(Embedder::Marengo { has_object: false });
const MARENGO_3: Task = Task::Embed(Embedder::Marengo { has_object: true });
const CANVAS: Task = Task::Paint(Painter::Canvas);
const TITAN_PAINTS: Task = Task::Paint(Painter::Titan);
const STABLE: Task = Task::Paint(Painter::Stability);
const DIFFUSION: Task = Task::Paint(Painter::Diffusion);

/// All of them.
pub(super) const MODELS: &[Model] = &[
    task("amazon.titan-embed-text-v1", "Titan Embeddings G1 - Text", AMAZON, 8_192, TITAN_V1),
    task("amazon.titan-embed-g1-text-02", "Titan Text Embeddings v2", AMAZON, 8_192, TITAN_V1),
    task("amazon.titan-embed-text-v2:0", "Titan Text Embeddings V2", AMAZON, 8_192, TITAN_V2),
    task("amazon.titan-embed-image-v1", "Titan Multimodal Embeddings G1", AMAZON, 256, TITAN_IMAGE),
    task("amazon.nova-2-multimodal-embeddings-v1:0", "Nova Multimodal Embeddings", AMAZON, 8_192, NOVA),
    task("cohere.embed-english-v3", "Embed English", COHERE, 512, COHERE_V3),
    task("cohere.embed-multilingual-v3", "Embed Multilingual", COHERE, 512, COHERE_V3),
    task("cohere.embed-v4:0", "Embed v4", COHERE, 128_000, COHERE_V4).of_profiles(&["us", "eu", "global"]),
    task("twelvelabs.marengo-embed-2-7-v1:0", "Marengo Embed v2.7", TWELVELABS, 77, MARENGO_2)
        .of_profiles(US_EU),
    task("twelvelabs.marengo-embed-3-0-v1:0", "Marengo Embed 3.0", TWELVELABS, 500, MARENGO_3)
        .of_profiles(US_EU),
    task("cohere.rerank-v3-5:0", "Rerank 3.5", COHERE, 4_096, Task::Rerank(Reranker::Cohere)),
    task("amazon.rerank-v1:0", "Rerank 1.0", AMAZON, 32_000, Task::Rerank(Reranker::Amazon)),
    task("amazon.nova-canvas-v1:0", "Nova Canvas", AMAZON, 1_024, CANVAS).of_profiles(&["us"]),
    task("amazon.titan-image-generator-v1", "Titan Image Generator G1", AMAZON, 512, TITAN_PAINTS),
    task("amazon.titan-image-generator-v2:0", "Titan Image Generator G1 v2", AMAZON, 512, TITAN_PAINTS),
    task("stability.stable-image-core-v1:0", "Stable Image Core 1.0", STABILITY, 10_000, STABLE),
    task("stability.stable-image-core-v1:1", "Stable Image Core 1.0", STABILITY, 10_000, STABLE),
    task("stability.stable-image-ultra-v1:0", "Stable Image Ultra 1.0", STABILITY, 10_000, STABLE),
    task("stability.stable-image-ultra-v1:1", "Stable Image Ultra 1.0", STABILITY, 10_000, STABLE),
    task("stability.sd3-large-v1:0", "SD3 Large 1.0", STABILITY, 10_000, DIFFUSION),
    task("stability.sd3-5-large-v1:0", "Stable Diffusion 3.5 Large", STABILITY, 10_000, DIFFUSION),
];
